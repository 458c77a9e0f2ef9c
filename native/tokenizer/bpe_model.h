// defines: aot::Merge, aot::BpeParts, aot::MergeTable, aot::BpeModel
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer_model.h"
#include "tokenizer/trie_tables.h"

namespace aot {

class TokenTrie;

// Two neighbouring tokens that become one. Its rank is its place in the list: lower ranks are applied first.
struct Merge {
  uint32_t left, right, result;
};

// What a byte-level BPE tokenizer's files hold; the vocabulary is written in the byte alphabet.
struct BpeParts : TokenizerParts {
  std::vector<Merge> merges;   // by rank
  bool ignore_merges = false;  // a word that is in the vocabulary is one token, whatever the merges say
};

// Finds the merge of two tokens.
class MergeTable {
 public:
  struct Entry {
    uint32_t left, right, rank, result;
  };
  static constexpr uint32_t none = UINT32_MAX;

  explicit MergeTable(const std::vector<Merge>& merges);
  // Null when the two do not merge.
  const Entry* find(uint32_t left, uint32_t right) const;

 private:
  size_t slot(uint32_t left, uint32_t right) const {
    return static_cast<size_t>((uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u >> shift_);
  }
  std::vector<Entry> entries_;
  int shift_;
};

// A byte-level BPE tokenizer.
class BpeModel : public TokenizerModel {
 public:
  // AOT_DATA when the parts contradict each other: an id without a token or with two, a token twice, a byte without a
  // token, a merge of ids that are not there.
  explicit BpeModel(BpeParts parts);
  ~BpeModel() override;

  const BpeParts& parts() const override { return parts_; }
  std::unique_ptr<TextEncoder> make_encoder() const override;
  CutAt cut_at() const override { return CutAt::pieces; }

  // Encodes pieces of the pre-tokenizer, in time linear in their lengths: the ids of each go to ids + at, which has
  // room for one a byte, and their number to its count. May read 4 bytes past a piece. With `encoder`: by that one, not
  // the fastest.
  void encode_pieces(const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids,
                     TrieEncoder encoder = nullptr) const;
  // Ids of one piece by applying merges, the lowest rank first, leftmost first: the definition. `ids` has room for
  // `bytes` of them; returns how many there are.
  size_t merge_piece(const uint8_t* piece, size_t bytes, uint32_t* ids) const;

 private:
  std::shared_ptr<const TokenizerModel> with_added_tokens(std::vector<AddedToken> added_tokens) const override;
  // Made when first asked for: a tokenizer that is only trained and saved needs none. Null for merges that need
  // merge_piece.
  const TokenTrie* trie() const;
  void collect_bytes();
  void collect_whole_words();

  BpeParts parts_;
  uint32_t byte_ids_[256];
  MergeTable merge_table_;
  std::unordered_map<std::string, uint32_t> whole_words_;  // with ignore_merges: words whose merges give something else
  mutable std::once_flag trie_built_;
  mutable std::unique_ptr<const TokenTrie> trie_;
};

}  // namespace aot
