// defines: aot::TokenTrie
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/bpe_model.h"

namespace aot {

// Encodes pieces by longest match, with backtracking where a token and its left neighbour would not stand side by side
// in the result of the merges. Linear time. A sequence of tokens is the encoding of its bytes if and only if each pair
// of neighbours is compatible (H. van Antwerpen and A. Neubeck, "So many tokens, so little time", 2024).
//
// Inside, tokens are symbols in the order of the merges: 0 .. 255 the bytes, then 256 + rank.
class TokenTrie {
 public:
  // Null when the merges are not of the form that training gives: each makes a new token from bytes or results of
  // earlier merges, and each token's own encoding is that token alone.
  static std::unique_ptr<const TokenTrie> build(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256],
                                                const std::vector<std::string>& token_bytes);

  // As BpeModel::encode_piece.
  size_t encode(const uint8_t* piece, size_t bytes, uint32_t* ids) const;

 private:
  static constexpr uint32_t none = UINT32_MAX;
  struct Symbol {
    uint32_t left, right;  // for a byte: itself
    uint32_t prefix;       // the longest token that is a proper prefix, or none
    uint32_t length;       // in bytes
  };

  TokenTrie(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256]);
  bool add_merges(const std::vector<Merge>& merges, const std::vector<std::string>& token_bytes);
  bool build_nodes(const std::vector<std::string>& token_bytes);
  uint32_t find_base(const std::vector<uint8_t>& labels);

  uint32_t merged(uint32_t left, uint32_t right) const;
  // Whether the boundary between the two survives all merges below `limit`.
  bool compatible(uint32_t left, uint32_t right, uint32_t limit) const;
  uint32_t step(uint32_t node, uint32_t byte) const {
    const uint32_t child = (nodes_[node] >> 9) ^ byte;
    return (nodes_[child] & 511) == byte + 1 ? child : 0;
  }
  uint32_t longest(const uint8_t* text, const uint8_t* end) const;

  std::vector<Symbol> symbols_;
  std::vector<uint32_t> ids_;  // of symbols
  MergeTable merge_table_;     // of symbols: the rank gives the result
  // An XOR double array: base << 9 | label + 1; the child for byte b lies at base ^ b. Node 0 is the root.
  std::vector<uint32_t> nodes_;
  std::vector<uint32_t> longest_;  // by node: the longest token on the way to it
  std::vector<uint32_t> second_;   // node after two bytes (first | second << 8); 0: none
  std::vector<bool> base_used_;    // while building
  std::vector<uint16_t> free_;     // while building: free nodes in each block of 256
};

}  // namespace aot
