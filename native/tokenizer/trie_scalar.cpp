#include <cstring>
#include <vector>

#include "tokenizer/trie_tables.h"

namespace aot {
namespace {

void encode_piece(const TrieTables& tables, const uint8_t* piece, PieceJob& job, uint32_t* ids) {
  const size_t bytes = job.bytes;
  uint64_t small[17];
  static thread_local std::vector<uint64_t> large;
  uint64_t* dead_end = small;  // by position: no encoding passes here
  if (bytes < 64 * 16) {
    std::memset(small, 0, 8 * (bytes / 64 + 1));
  } else {
    large.assign(bytes / 64 + 1, 0);
    dead_end = large.data();
  }
  const uint8_t* end = piece + bytes;
  size_t position = 0, count = 0;
  uint32_t symbol = tables.longest_at(piece, end);
  for (;;) {
    const TrieTables::Symbol& found = tables.symbols[symbol];
    const size_t next = position + found.length;
    if (!(dead_end[next >> 6] >> (next & 63) & 1) &&
        (count == 0 || tables.compatible(ids[count - 1], symbol, TrieTables::none))) {
      ids[count++] = symbol;
      position = next;
      if (position == bytes) break;
      symbol = tables.longest_at(piece + position, end);
    } else if (found.prefix != TrieTables::none) {
      symbol = found.prefix;
    } else {
      dead_end[position >> 6] |= uint64_t{1} << (position & 63);
      symbol = ids[--count];
      position -= tables.symbols[symbol].length;
    }
  }
  for (size_t i = 0; i < count; i++) ids[i] = tables.id(ids[i]);
  job.count = static_cast<uint32_t>(count);
}

}  // namespace

void encode_pieces_scalar(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids) {
  for (size_t i = 0; i < count; i++) encode_piece(tables, text + jobs[i].at, jobs[i], ids + jobs[i].at);
}

}  // namespace aot
