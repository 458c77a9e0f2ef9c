#include "tokenizer/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "backend/error.h"
#include "tokenizer/byte_alphabet.h"

namespace aot {
namespace {

constexpr uint32_t first_merged_id = 257;

struct Pair {
  uint32_t left, right;
};

// The trainer's sizes: Small for nearly all corpora, Large for vocabularies of 2^16 ids, counts of 2^32 or 4 G symbols.
struct Small {
  using Symbol = uint16_t;
  using Position = uint32_t;
  using Weight = uint32_t;
};
struct Large {
  using Symbol = uint32_t;
  using Position = uint64_t;
  using Weight = uint64_t;
};

struct SortedWord {
  bool once;
  uint64_t start;  // its first 8 bytes, as a number that orders as they do
  uint64_t count;
  std::string_view bytes;
};

// Words that occur more than once come first. In both parts, words that start alike stand together, so that the places
// of a pair lie close to each other.
std::vector<SortedWord> sort_words(const WordCounts& words) {
  std::vector<SortedWord> sorted;
  sorted.reserve(words.words());
  words.each([&](std::string_view word, uint64_t count) {
    uint64_t start = 0;
    for (size_t i = 0; i < 8; i++) start = start << 8 | (i < word.size() ? static_cast<uint8_t>(word[i]) : 0);
    sorted.push_back({count == 1, start, count, word});
  });
  std::sort(sorted.begin(), sorted.end(),
            [](const SortedWord& a, const SortedWord& b) { return a.once != b.once ? b.once : a.start < b.start; });
  return sorted;
}

// The distinct words lie one after the other in `symbols_`, a symbol a byte, 0 between words. A token covers its bytes:
// its id stands at the first and the last of them, `inside` between.
//
// Only pairs that occur at least `threshold_` times are tracked, with their count and positions. A pair's count never
// grows after the merge that made its newer half, so the others can wait until the queue runs dry; then the threshold
// falls and one scan finds them.
template <class Sizes>
class Trainer {
  using Symbol = typename Sizes::Symbol;
  using Position = typename Sizes::Position;
  using Weight = typename Sizes::Weight;

 public:
  Trainer(const WordCounts& words, uint64_t bytes, uint32_t vocab_size);
  std::vector<Pair> run(const std::atomic<bool>* stop);

 private:
  static constexpr Symbol inside = std::numeric_limits<Symbol>::max();

  struct PairEntry {
    uint64_t key;               // left id << 32 | right id; 0: empty
    uint64_t count;             // current
    uint64_t first, positions;  // its slice of positions_
  };
  // Open addressing.
  class PairMap {
   public:
    PairMap() : entries_(1 << 12) {}
    PairEntry* find(uint64_t key) {
      PairEntry& entry = entries_[slot(key)];
      return entry.key ? &entry : nullptr;
    }
    // May move all entries.
    PairEntry& get(uint64_t key);
    size_t size() const { return used_; }
    const std::vector<PairEntry>& entries() const { return entries_; }

    void prefetch(uint64_t key) const { __builtin_prefetch(&entries_[first_slot(key)]); }

   private:
    size_t first_slot(uint64_t key) const { return key * 0x9E3779B97F4A7C15u >> 24 & (entries_.size() - 1); }
    size_t slot(uint64_t key) const {
      size_t at = first_slot(key);
      while (entries_[at].key && entries_[at].key != key) at = (at + 1) & (entries_.size() - 1);
      return at;
    }
    std::vector<PairEntry> entries_;
    size_t used_ = 0;
  };
  // The order of merges: the highest count, of equals the smaller pair.
  struct Candidate {
    uint64_t count, key;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key > other.key;
    }
  };
  // What one merge does to the pairs with one neighbour.
  struct Neighbour {
    uint64_t count = 0, positions = 0;
    uint64_t next_position = 0;  // in positions_; not_tracked when the new pair is below the threshold
  };
  static constexpr uint64_t not_tracked = UINT64_MAX;

  static uint64_t key_of(uint64_t left, uint64_t right) { return left << 32 | right; }
  uint64_t weight(size_t position) const { return position < weights_.size() ? weights_[position] : 1; }
  template <class Visit>
  void each_pair(Visit visit) const;
  void scan(bool merged);
  void apply(PairEntry& pair, uint32_t new_id);
  void track_new_pair(Neighbour& neighbour, uint64_t old_key, uint64_t new_key);

  uint32_t vocab_size_;
  uint64_t threshold_;
  std::vector<Symbol> symbols_;
  std::vector<Weight> weights_;   // of positions, for the words that occur more than once, which come first
  std::vector<uint32_t> length_;  // of tokens, in bytes
  PairMap pairs_;
  std::vector<Position> positions_;
  std::priority_queue<Candidate> queue_;
  // Scratch of apply(): the merged positions, their neighbours, and by id what changes.
  std::vector<Position> merged_;
  std::vector<Symbol> left_of_, right_of_;
  std::vector<Neighbour> left_, right_;
  std::vector<uint32_t> left_ids_, right_ids_;
};

template <class Sizes>
typename Trainer<Sizes>::PairEntry& Trainer<Sizes>::PairMap::get(uint64_t key) {
  if (used_ * 2 > entries_.size()) {
    std::vector<PairEntry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const PairEntry& entry : old) {
      if (entry.key) entries_[slot(entry.key)] = entry;
    }
  }
  PairEntry& entry = entries_[slot(key)];
  if (!entry.key) {
    entry = {key, 0, 0, 0};
    used_++;
  }
  return entry;
}

template <class Sizes>
Trainer<Sizes>::Trainer(const WordCounts& words, uint64_t bytes, uint32_t vocab_size)
    : vocab_size_(vocab_size),
      threshold_(std::max<uint64_t>(1, words.occurrences() / vocab_size / 16)),
      length_(vocab_size, 1),
      left_(vocab_size),
      right_(vocab_size) {
  Symbol id_of_byte[256];
  const std::vector<uint8_t>& order = byte_alphabet().order();
  for (size_t i = 0; i < order.size(); i++) id_of_byte[order[i]] = static_cast<Symbol>(1 + i);
  symbols_.reserve(bytes + words.words() + 2);
  symbols_.push_back(0);
  weights_.push_back(0);
  for (const SortedWord& word : sort_words(words)) {
    for (const char byte : word.bytes) symbols_.push_back(id_of_byte[static_cast<uint8_t>(byte)]);
    symbols_.push_back(0);
    if (word.count > 1) weights_.resize(symbols_.size(), static_cast<Weight>(word.count));
  }
  symbols_.push_back(0);
}

template <class Sizes>
template <class Visit>
void Trainer<Sizes>::each_pair(Visit visit) const {
  for (size_t position = 1; position < symbols_.size(); position++) {
    while (const Symbol left = symbols_[position]) {
      const size_t next = position + length_[left];
      if (const Symbol right = symbols_[next]) visit(key_of(left, right), position);
      position = next;
    }
  }
}

// Fills pairs_, positions_ and queue_ with the pairs that reach the threshold. `merged`: whether symbols were merged.
template <class Sizes>
void Trainer<Sizes>::scan(bool merged) {
  pairs_ = PairMap();
  positions_.clear();
  queue_ = {};
  PairMap candidates;
  // A first pass over counters that several pairs share sorts out most of the rare ones; without merges there are few.
  std::vector<uint16_t> shared_counts(merged ? 1 << 22 : 0);
  const auto shared = [&](uint64_t key) -> uint16_t& { return shared_counts[key * 0xC2B2AE3D27D4EB4Fu >> 42]; };
  const uint64_t most = std::numeric_limits<uint16_t>::max();
  if (merged) {
    each_pair([&](uint64_t key, size_t position) {
      uint16_t& count = shared(key);
      count = static_cast<uint16_t>(std::min(count + std::min(weight(position), most), most));
    });
  }
  const uint64_t enough = std::min(threshold_, most);
  each_pair([&](uint64_t key, size_t position) {
    if (merged && shared(key) < enough) return;
    PairEntry& entry = candidates.get(key);
    entry.count += weight(position);
    entry.positions++;
  });
  shared_counts = {};
  uint64_t next = 0;
  for (const PairEntry& candidate : candidates.entries()) {
    if (!candidate.key || candidate.count < threshold_) continue;
    pairs_.get(candidate.key) = {candidate.key, candidate.count, next, 0};
    next += candidate.positions;
    queue_.push({candidate.count, candidate.key});
  }
  positions_.reserve(next + next / 2);
  positions_.resize(next);
  each_pair([&](uint64_t key, size_t position) {
    if (PairEntry* entry = pairs_.find(key)) {
      positions_[entry->first + entry->positions++] = static_cast<Position>(position);
    }
  });
}

template <class Sizes>
std::vector<Pair> Trainer<Sizes>::run(const std::atomic<bool>* stop) {
  std::vector<Pair> merges;
  scan(false);
  size_t most_positions = std::max<size_t>(positions_.size() * 2, 1 << 20);
  for (uint32_t new_id = first_merged_id; new_id < vocab_size_;) {
    if (stop && stop->load(std::memory_order_relaxed)) {
      fail(ErrorCode::config, "the training of the tokenizer was stopped: nothing was written");
    }
    if (queue_.empty()) {
      if (threshold_ == 1) break;
      threshold_ = std::max<uint64_t>(1, threshold_ / 4);
      scan(true);
      most_positions = std::max(most_positions, positions_.size() * 2);
      continue;
    }
    const Candidate top = queue_.top();
    queue_.pop();
    PairEntry& pair = *pairs_.find(top.key);
    if (pair.count != top.count) {  // it has fallen since it was queued
      if (pair.count >= threshold_) queue_.push({pair.count, top.key});
      continue;
    }
    merges.push_back({static_cast<uint32_t>(top.key >> 32), static_cast<uint32_t>(top.key)});
    apply(pair, new_id++);
    if (positions_.size() > most_positions) {  // slices of merged pairs are dead weight
      scan(true);
      most_positions = std::max(most_positions, positions_.size() * 2);
    }
  }
  return merges;
}

template <class Sizes>
void Trainer<Sizes>::apply(PairEntry& pair, uint32_t new_id) {
  const uint32_t left = static_cast<uint32_t>(pair.key >> 32), right = static_cast<uint32_t>(pair.key);
  const uint32_t left_length = length_[left], length = left_length + length_[right];
  const Symbol merged_symbol = static_cast<Symbol>(new_id);
  length_[new_id] = length;
  merged_.clear();
  left_of_.clear();
  right_of_.clear();
  left_ids_.clear();
  right_ids_.clear();
  const Position* positions = &positions_[pair.first];
  const uint64_t count = pair.positions;
  pair.count = 0;
  constexpr uint64_t ahead = 16, portion = 512;
  size_t looked_at = 0;  // of merged_
  const auto look_at_neighbours = [&](size_t end) {
    for (; looked_at < end; looked_at++) {
      const size_t at = merged_[looked_at];
      const Symbol before = symbols_[at - 1], after = symbols_[at + length];
      left_of_.push_back(before);
      right_of_.push_back(after);
      if (before) {
        if (left_[before].positions++ == 0) left_ids_.push_back(before);
        left_[before].count += weight(at);
      }
      if (after && after != merged_symbol) {  // two new tokens side by side count once, from the right one
        if (right_[after].positions++ == 0) right_ids_.push_back(after);
        right_[after].count += weight(at);
      }
    }
  };
  // Positions ascend. So the neighbours of all that are merged but the last are what they will be, and are looked at
  // while they are still in the cache.
  for (uint64_t i = 0; i < count; i++) {
    if (i % portion == 0 && !merged_.empty()) look_at_neighbours(merged_.size() - 1);
    if (i + ahead < count) {
      __builtin_prefetch(&symbols_[positions[i + ahead]], 1);
      if (positions[i + ahead] < weights_.size()) __builtin_prefetch(&weights_[positions[i + ahead]]);
    }
    const size_t at = positions[i];
    if (symbols_[at] != left || symbols_[at + left_length] != right) continue;  // merged with something else since
    symbols_[at + left_length - 1] = inside;
    symbols_[at + left_length] = inside;
    symbols_[at] = merged_symbol;
    symbols_[at + length - 1] = merged_symbol;
    merged_.push_back(static_cast<Position>(at));
  }
  look_at_neighbours(merged_.size());
  constexpr size_t keys_ahead = 8;
  for (size_t i = 0; i < left_ids_.size(); i++) {
    if (i + keys_ahead < left_ids_.size()) pairs_.prefetch(key_of(left_ids_[i + keys_ahead], left));
    const uint32_t id = left_ids_[i];
    const uint64_t old_key = id == new_id ? key_of(right, left) : key_of(id, left);
    track_new_pair(left_[id], old_key, key_of(id, new_id));
  }
  for (size_t i = 0; i < right_ids_.size(); i++) {
    if (i + keys_ahead < right_ids_.size()) pairs_.prefetch(key_of(right, right_ids_[i + keys_ahead]));
    const uint32_t id = right_ids_[i];
    track_new_pair(right_[id], key_of(right, id), key_of(new_id, id));
  }
  for (size_t i = 0; i < merged_.size(); i++) {
    const Symbol before = left_of_[i], after = right_of_[i];
    if (before && left_[before].next_position != not_tracked) {
      positions_[left_[before].next_position++] = static_cast<Position>(merged_[i] - length_[before]);
    }
    if (after && after != merged_symbol && right_[after].next_position != not_tracked) {
      positions_[right_[after].next_position++] = merged_[i];
    }
  }
  for (const uint32_t id : left_ids_) left_[id] = {};
  for (const uint32_t id : right_ids_) right_[id] = {};
}

template <class Sizes>
void Trainer<Sizes>::track_new_pair(Neighbour& neighbour, uint64_t old_key, uint64_t new_key) {
  if (PairEntry* old = pairs_.find(old_key)) old->count -= std::min(old->count, neighbour.count);
  if (neighbour.count < threshold_) {
    neighbour.next_position = not_tracked;
    return;
  }
  neighbour.next_position = positions_.size();
  positions_.resize(positions_.size() + neighbour.positions);
  pairs_.get(new_key) = {new_key, neighbour.count, neighbour.next_position, neighbour.positions};
  queue_.push({neighbour.count, new_key});
}

// The words are copied, and make room for the positions of pairs.
template <class Sizes>
std::vector<Pair> find_merges_of(WordCounts& words, uint64_t bytes, uint32_t vocab_size,
                                 const std::atomic<bool>* stop) {
  Trainer<Sizes> trainer(words, bytes, vocab_size);
  words = WordCounts();
  return trainer.run(stop);
}

std::vector<Pair> find_merges(WordCounts& words, uint32_t vocab_size, const std::atomic<bool>* stop) {
  uint64_t bytes = 0, most = 0;
  words.each([&](std::string_view word, uint64_t count) {
    bytes += word.size();
    most = std::max(most, count);
  });
  // Each merge shortens a word: there are fewer of them than bytes.
  vocab_size = static_cast<uint32_t>(std::min<uint64_t>(vocab_size, first_merged_id + bytes));
  const bool small = vocab_size <= std::numeric_limits<Small::Symbol>::max() &&
                     most <= std::numeric_limits<Small::Weight>::max() &&
                     bytes + words.words() + 2 <= std::numeric_limits<Small::Position>::max();
  return small ? find_merges_of<Small>(words, bytes, vocab_size, stop)
               : find_merges_of<Large>(words, bytes, vocab_size, stop);
}

}  // namespace

std::shared_ptr<const BpeModel> train_bpe(WordCounts words, int vocab_size, const std::atomic<bool>* stop) {
  BpeParts parts;
  parts.vocabulary.push_back(end_of_text);
  for (const uint8_t byte : byte_alphabet().order()) {
    const char character = static_cast<char>(byte);
    parts.vocabulary.push_back(byte_alphabet().characters({&character, 1}));
  }
  parts.added_tokens.push_back({.id = 0, .content = end_of_text});
  if (vocab_size > static_cast<int>(first_merged_id)) {
    for (const Pair& pair : find_merges(words, static_cast<uint32_t>(vocab_size), stop)) {
      parts.merges.push_back({pair.left, pair.right, static_cast<uint32_t>(parts.vocabulary.size())});
      parts.vocabulary.push_back(parts.vocabulary[pair.left] + parts.vocabulary[pair.right]);
    }
  }
  return std::make_shared<BpeModel>(std::move(parts));
}

}  // namespace aot
