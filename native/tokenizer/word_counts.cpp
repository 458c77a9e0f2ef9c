#include "tokenizer/word_counts.h"

#include <algorithm>
#include <cstring>

namespace aot {

WordCounts::WordCounts() : entries_(1 << 12) {}

uint64_t WordCounts::hash_of(std::string_view word) {
  const char* at = word.data();
  size_t bytes = word.size();
  uint64_t hash = bytes, part;
  for (; bytes > 8; bytes -= 8, at += 8) {
    std::memcpy(&part, at, 8);
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  part = 0;
  if (bytes >= 4) {  // two loads that may overlap; the length is in the hash
    uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + bytes - 4, 4);
    part = uint64_t{high} << 32 | low;
  } else if (bytes > 0) {
    part = static_cast<uint8_t>(at[0]) | uint64_t{static_cast<uint8_t>(at[bytes / 2])} << 8 |
           uint64_t{static_cast<uint8_t>(at[bytes - 1])} << 16;
  }
  hash = (hash ^ part) * 0xC2B2AE3D27D4EB4Fu;
  return hash ^ hash >> 29;
}

void WordCounts::add(std::string_view word, uint64_t hash, uint64_t count) {
  occurrences_ += count;
  const size_t mask = entries_.size() - 1;
  size_t at = hash >> 20 & mask;
  for (; entries_[at].count; at = (at + 1) & mask) {
    Entry& entry = entries_[at];
    if (entry.hash == hash && word_of(entry) == word) {
      entry.count += count;
      return;
    }
  }
  entries_[at] = {hash, arena_.size(), count, word.size()};
  arena_.insert(arena_.end(), word.begin(), word.end());
  if (++used_ * 5 > entries_.size() * 3) grow();
}

void WordCounts::grow() {
  std::vector<Entry> old(entries_.size() * 2);
  old.swap(entries_);
  const size_t mask = entries_.size() - 1;
  for (const Entry& entry : old) {
    if (!entry.count) continue;
    size_t at = entry.hash >> 20 & mask;
    while (entries_[at].count) at = (at + 1) & mask;
    entries_[at] = entry;
  }
}

void WordCounts::add_text(std::string_view text) {
  constexpr size_t batch_pieces = 32;  // their places in the table are fetched ahead
  uint64_t hashes[batch_pieces];
  blocks_.start(text);
  while (blocks_.next()) {
    const uint32_t* starts = blocks_.starts();
    const auto piece = [&](size_t i) {
      const char* block = reinterpret_cast<const char*>(blocks_.text());
      return std::string_view(block + starts[i], starts[i + 1] - starts[i]);
    };
    for (size_t first = 0; first < blocks_.pieces(); first += batch_pieces) {
      const size_t count = std::min(batch_pieces, blocks_.pieces() - first);
      for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(piece(first + i));
        __builtin_prefetch(&entries_[hashes[i] >> 20 & (entries_.size() - 1)]);
      }
      for (size_t i = 0; i < count; i++) add(piece(first + i), hashes[i], 1);
    }
  }
}

void WordCounts::add_word(std::string_view word, uint64_t count) {
  if (!word.empty() && count) add(word, hash_of(word), count);
}

void WordCounts::clear() {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  arena_.clear();
  used_ = occurrences_ = 0;
}

void WordCounts::merge(const WordCounts& other) {
  // Both tables are read far out of order: what a few words need of them is fetched ahead.
  constexpr size_t ahead = 24;
  const Entry* waiting[ahead];
  size_t first = 0, last = 0;  // of waiting, modulo its size
  const auto add_first = [&] {
    const Entry& entry = *waiting[first++ % ahead];
    add(other.word_of(entry), entry.hash, entry.count);
  };
  for (const Entry& entry : other.entries_) {
    if (!entry.count) continue;
    if (last - first == ahead) add_first();
    waiting[last++ % ahead] = &entry;
    __builtin_prefetch(&other.arena_[entry.offset]);
    __builtin_prefetch(&entries_[entry.hash >> 20 & (entries_.size() - 1)]);
  }
  while (first < last) add_first();
}

}  // namespace aot
