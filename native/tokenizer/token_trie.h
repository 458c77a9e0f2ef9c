// defines: aot::TokenTrie, aot::trie_encoder_named, aot::fastest_trie_encoder
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe_model.h"
#include "tokenizer/trie_tables.h"

namespace aot {

// Encodes pieces by longest match, with backtracking where a token and its left neighbour would not stand side by side
// in the result of the merges. Linear time. A sequence of tokens is the encoding of its bytes if and only if each pair
// of neighbours is compatible (H. van Antwerpen and A. Neubeck, "So many tokens, so little time", 2024).
class TokenTrie {
 public:
  // Null when the merges are not of the form that training gives: each makes a new token from bytes or results of
  // earlier merges, and each token's own encoding is that token alone.
  static std::unique_ptr<const TokenTrie> build(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256],
                                                const std::vector<std::string>& token_bytes);

  // For encoders; valid while the trie lives.
  const TrieTables& tables() const { return tables_; }

 private:
  static constexpr uint32_t none = TrieTables::none;

  TokenTrie(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256]);
  bool add_merges(const std::vector<Merge>& merges, const std::vector<std::string>& token_bytes);
  bool build_nodes(const std::vector<std::string>& token_bytes);
  uint32_t find_base(const std::vector<uint8_t>& labels);
  void set_tables();

  std::vector<TrieTables::Symbol> symbols_;
  std::vector<uint32_t> ids_;
  std::vector<uint32_t> filter_, merges_;
  std::vector<uint32_t> nodes_, longest_, second_;  // node 0 is the root
  std::vector<bool> base_used_;                     // while building
  std::vector<uint16_t> free_;                      // while building: free nodes in each block of 256
  TrieTables tables_{};
};

// The encoder named "scalar", "avx2" or "avx512"; null when this processor or this build has none of that name.
TrieEncoder trie_encoder_named(std::string_view name);
// The fastest that this processor has.
TrieEncoder fastest_trie_encoder();

}  // namespace aot
