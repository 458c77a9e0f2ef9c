#include "tokenizer/bpe_model.h"

#include <bit>
#include <queue>
#include <utility>

#include "backend/error.h"
#include "tokenizer/bpe_encoder.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/token_trie.h"

namespace aot {

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  const size_t size = std::bit_ceil(merges.size() * 2 + 2);
  shift_ = 64 - std::countr_zero(size);
  entries_.assign(size, Entry{0, 0, none, 0});
  for (size_t rank = 0; rank < merges.size(); rank++) {
    const Merge& merge = merges[rank];
    size_t at = slot(merge.left, merge.right);
    while (entries_[at].rank != none && (entries_[at].left != merge.left || entries_[at].right != merge.right)) {
      at = (at + 1) & (size - 1);
    }
    // Of a pair listed twice the later rank holds, as in Hugging Face's map.
    entries_[at] = {merge.left, merge.right, static_cast<uint32_t>(rank), merge.result};
  }
}

const MergeTable::Entry* MergeTable::find(uint32_t left, uint32_t right) const {
  for (size_t at = slot(left, right);; at = (at + 1) & (entries_.size() - 1)) {
    const Entry& entry = entries_[at];
    if (entry.rank == none) return nullptr;
    if (entry.left == left && entry.right == right) return &entry;
  }
}

BpeModel::BpeModel(BpeParts parts) : parts_(std::move(parts)), merge_table_(parts_.merges) {
  collect_tokens([](const std::string& token) { return byte_alphabet().bytes(token).value_or(token); });
  collect_bytes();
  for (const Merge& merge : parts_.merges) {
    for (const uint32_t id : {merge.left, merge.right, merge.result}) {
      if (id >= vocab_size())
        fail(ErrorCode::data, "a merge names the id " + std::to_string(id) + ", which is no token");
    }
  }
  if (parts_.ignore_merges) collect_whole_words();
}

BpeModel::~BpeModel() = default;

std::unique_ptr<TextEncoder> BpeModel::make_encoder() const {
  return std::make_unique<BpeEncoder>(std::static_pointer_cast<const BpeModel>(shared_from_this()));
}

std::shared_ptr<const TokenizerModel> BpeModel::with_added_tokens(std::vector<AddedToken> added_tokens) const {
  BpeParts parts = parts_;
  parts.added_tokens = std::move(added_tokens);
  return std::make_shared<BpeModel>(std::move(parts));
}

const TokenTrie* BpeModel::trie() const {
  std::call_once(trie_built_, [this] { trie_ = TokenTrie::build(parts_.merges, byte_ids_, token_bytes_); });
  return trie_.get();
}

void BpeModel::collect_bytes() {
  std::fill(std::begin(byte_ids_), std::end(byte_ids_), MergeTable::none);
  const ByteAlphabet& alphabet = byte_alphabet();
  for (uint32_t id = 0; id < parts_.vocabulary.size(); id++) {
    if (token_bytes_[id].size() != 1) continue;
    const std::optional<std::string> bytes = alphabet.bytes(parts_.vocabulary[id]);
    if (bytes && bytes->size() == 1) byte_ids_[static_cast<uint8_t>((*bytes)[0])] = id;
  }
  for (int byte = 0; byte < 256; byte++) {
    if (byte_ids_[byte] == MergeTable::none) {
      const char character = static_cast<char>(byte);
      fail(ErrorCode::data, "the vocabulary has no token \"" + alphabet.characters({&character, 1}) +
                                "\" for the byte " + std::to_string(byte) +
                                ": only byte-level vocabularies with all 256 bytes are supported");
    }
  }
}

void BpeModel::collect_whole_words() {
  std::vector<uint32_t> ids;
  for (uint32_t id = 0; id < parts_.vocabulary.size(); id++) {
    if (!byte_alphabet().bytes(parts_.vocabulary[id])) continue;
    const std::string& bytes = token_bytes_[id];
    ids.resize(bytes.size());
    const size_t count = merge_piece(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), ids.data());
    if (count != 1 || ids[0] != id) whole_words_.emplace(bytes, id);
  }
}

void BpeModel::encode_pieces(const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids,
                             TrieEncoder encoder) const {
  if (!encoder) encoder = fastest_trie_encoder();
  const TokenTrie* trie = this->trie();
  if (trie && whole_words_.empty()) return encoder(trie->tables(), text, jobs, count, ids);
  for (size_t i = 0; i < count; i++) {
    PieceJob& job = jobs[i];
    const std::string_view piece(reinterpret_cast<const char*>(text) + job.at, job.bytes);
    const auto whole_word = whole_words_.find(std::string(piece));
    if (whole_word != whole_words_.end()) {
      ids[job.at] = whole_word->second;
      job.count = 1;
    } else if (trie) {
      encode_pieces_scalar(trie->tables(), text, &job, 1, ids);
    } else {
      job.count = static_cast<uint32_t>(merge_piece(text + job.at, job.bytes, ids + job.at));
    }
  }
}

size_t BpeModel::merge_piece(const uint8_t* piece, size_t bytes, uint32_t* ids) const {
  // Symbols are a linked list over the bytes; one that was merged into its left neighbour is marked dead.
  struct Symbol {
    uint32_t id;
    int64_t previous, next;
    bool alive;
  };
  struct Candidate {
    uint32_t rank;
    int64_t position;
    uint32_t result;
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  std::vector<Symbol> symbols(bytes);
  std::priority_queue<Candidate> queue;
  const auto propose = [&](int64_t position) {
    if (position < 0 || symbols[position].next < 0) return;
    if (const auto* merge = merge_table_.find(symbols[position].id, symbols[symbols[position].next].id)) {
      queue.push({merge->rank, position, merge->result});
    }
  };
  const int64_t count = static_cast<int64_t>(bytes);
  for (int64_t i = 0; i < count; i++) symbols[i] = {byte_ids_[piece[i]], i - 1, i + 1 < count ? i + 1 : -1, true};
  for (int64_t i = 0; i < count; i++) propose(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (!left.alive || left.next < 0) continue;
    Symbol& right = symbols[left.next];
    const auto* merge = merge_table_.find(left.id, right.id);
    if (!merge || merge->result != top.result) continue;  // the pair has changed since
    left.id = top.result;
    right.alive = false;
    left.next = right.next;
    if (left.next >= 0) symbols[left.next].previous = top.position;
    propose(left.previous);
    propose(top.position);
  }
  size_t written = 0;
  for (const Symbol& symbol : symbols) {
    if (symbol.alive) ids[written++] = symbol.id;
  }
  return written;
}

}  // namespace aot
