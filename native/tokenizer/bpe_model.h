// defines: aot::Merge, aot::AddedToken, aot::BpeParts, aot::MergeTable, aot::BpeModel
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aot {

class TokenTrie;

// Two neighbouring tokens that become one. Its rank is its place in the list: lower ranks are applied first.
struct Merge {
  uint32_t left, right, result;
};

// A token that is found in the text before anything else.
struct AddedToken {
  uint32_t id = 0;
  std::string content;      // as in the text, UTF-8
  bool special = true;      // only kept, for the files
  bool lstrip = false;      // takes the white space before it
  bool rstrip = false;      // takes the white space after it
  bool normalized = false;  // is looked for after the others
};

// What a tokenizer's files hold.
struct BpeParts {
  std::vector<std::string> vocabulary;  // by id, in the byte alphabet; empty where only an added token has the id
  std::vector<Merge> merges;            // by rank
  std::vector<AddedToken> added_tokens;
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

// A byte-level BPE tokenizer: immutable, shared by encoders of all threads.
class BpeModel {
 public:
  // AOT_DATA when the parts contradict each other: an id without a token or with two, a token twice, a byte without a
  // token, a merge of ids that are not there.
  explicit BpeModel(BpeParts parts);
  ~BpeModel();
  BpeModel(const BpeModel&) = delete;
  BpeModel& operator=(const BpeModel&) = delete;

  const BpeParts& parts() const { return parts_; }
  // Ids are 0 .. vocab_size() - 1, at most 2^31 of them.
  size_t vocab_size() const { return token_bytes_.size(); }
  // The bytes that the id decodes to.
  const std::string& token_bytes(uint32_t id) const { return token_bytes_[id]; }

  // Ids of one piece of the pre-tokenizer, in time linear in its length. `ids` has room for `bytes` of them; returns
  // how many there are. Reads nothing past the piece.
  size_t encode_piece(const uint8_t* piece, size_t bytes, uint32_t* ids) const;
  // The same by applying merges, the lowest rank first, leftmost first: the definition.
  size_t merge_piece(const uint8_t* piece, size_t bytes, uint32_t* ids) const;

  // The text of ids; what is not UTF-8 becomes U+FFFD. AOT_DATA for an id outside the vocabulary.
  std::string decode(const int32_t* ids, size_t count) const;

 private:
  void collect_tokens();
  void collect_whole_words();

  BpeParts parts_;
  std::vector<std::string> token_bytes_;
  uint32_t byte_ids_[256];
  MergeTable merge_table_;
  std::unordered_map<std::string, uint32_t> whole_words_;  // with ignore_merges: words whose merges give something else
  std::unique_ptr<const TokenTrie> trie_;                  // null for merges that need merge_piece
};

}  // namespace aot
