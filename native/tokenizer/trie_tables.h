// defines: aot::TrieTables, aot::PieceJob, aot::TrieEncoder, aot::encode_job, aot::encode_pieces_scalar,
// aot::encode_pieces_avx2, aot::encode_pieces_avx512
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace aot {

// What encoding reads of a TokenTrie, small enough for the second-level cache with vocabularies of usual size. Tokens
// are symbols in the order of the merges: 0 .. 255 the bytes, then 256 + rank; all below 2^22.
struct TrieTables {
  static constexpr uint32_t none = INT32_MAX;
  struct Symbol {
    uint32_t left, right;  // what it was merged from; for a byte: itself
    uint32_t prefix;       // the longest token that is a proper prefix, or none
    uint32_t length;       // in bytes
  };

  const uint32_t* nodes;    // an XOR double array: base << 9 | label + 1; the child for byte b lies at base ^ b
  const uint32_t* longest;  // by node: the longest token on the way to it
  const uint32_t* second;   // node after two bytes (first | second << 8); 0: none
  const Symbol* symbols;
  const uint32_t* ids;     // of symbols
  uint32_t merged_id;      // symbols from 256 on have ids in the same order, from this one on; 0: in any order
  const uint32_t* filter;  // two bits of one word for each pair that merges
  const uint32_t* merges;  // what pairs merge to, by hash; 0: empty
  int filter_shift, merge_shift;

  static uint32_t hash(uint32_t left, uint32_t right) {
    const uint32_t hash = left * 0x9E3779B1u + right * 0x85EBCA77u;
    return hash ^ hash >> 15;
  }
  static uint32_t filter_bits(uint32_t hash) { return 1u << (hash & 31) | 1u << (hash >> 5 & 31); }
  static constexpr uint32_t slot_factor = 0xC2B2AE3Du;
  uint32_t merge_slot(uint32_t hash) const { return hash * slot_factor >> merge_shift; }

  // Whether the two merge to a symbol below `limit`.
  bool merge_below(uint32_t left, uint32_t right, uint32_t limit) const {
    const uint32_t pair_hash = hash(left, right), bits = filter_bits(pair_hash);
    return (filter[pair_hash >> filter_shift] & bits) == bits && find_merge_below(left, right, pair_hash, limit);
  }
  bool find_merge_below(uint32_t left, uint32_t right, uint32_t pair_hash, uint32_t limit) const {
    const uint32_t mask = (uint32_t{1} << (32 - merge_shift)) - 1;
    for (uint32_t slot = merge_slot(pair_hash);; slot = (slot + 1) & mask) {
      // The table was filled in the order of the merges: what stands before a pair's own place is less than its result.
      const uint32_t result = merges[slot];
      if (result == 0 || result >= limit) return false;
      if (symbols[result].left == left && symbols[result].right == right) return true;
    }
  }
  uint32_t id(uint32_t symbol) const {
    return symbol >= 256 && merged_id != 0 ? merged_id + (symbol - 256) : ids[symbol];
  }
  // Whether the boundary between the two survives all merges below `limit`.
  bool compatible(uint32_t left, uint32_t right, uint32_t limit) const {
    // Undo the later of the two tokens' merges, until both are bytes: at each stage a merge across the boundary would
    // have come first if its rank is below that of the merge just undone. Of equal ones the left merge came first.
    for (;;) {
      if (merge_below(left, right, limit)) return false;
      if (left > right) {
        if (left < 256) return true;
        limit = left;
        left = symbols[left].right;
      } else {
        if (right < 256) return true;
        limit = right + 1;
        right = symbols[right].left;
      }
    }
  }
  uint32_t step(uint32_t node, uint32_t byte) const {
    const uint32_t child = (nodes[node] >> 9) ^ byte;
    return (nodes[child] & 511) == byte + 1 ? child : 0;
  }
  // The longest token at the start of the text.
  uint32_t longest_at(const uint8_t* text, const uint8_t* end) const {
    uint32_t node = end - text >= 2 ? second[text[0] | uint32_t{text[1]} << 8] : 0;
    if (node == 0) return *text;  // the byte's own symbol
    for (text += 2; text < end; text++) {
      const uint32_t child = step(node, *text);
      if (child == 0) break;
      node = child;
    }
    return longest[node];
  }
};

// A piece of a text: its place and length, and how many ids it has.
struct PieceJob {
  uint32_t at, bytes, count;
};

// Encodes pieces of a text: the ids of each go to ids + at, with room for one a byte, and their number to its count.
// May read 4 bytes past a piece. All implementations give the same ids.
using TrieEncoder = void (*)(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count,
                             uint32_t* ids);

// One piece after the other.
void encode_pieces_scalar(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids);
// 8 or 16 at a time, for processors that have the instructions.
void encode_pieces_avx2(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids);
void encode_pieces_avx512(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids);

}  // namespace aot
