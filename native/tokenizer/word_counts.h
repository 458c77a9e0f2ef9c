// defines: aot::WordCounts
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/pretokenize.h"

namespace aot {

// How often each distinct piece of the pre-tokenizer occurs. One per thread, merged at the end; memory grows with the
// number of distinct pieces only.
class WordCounts {
 public:
  WordCounts();
  // Counts the pieces of a text (valid UTF-8), taken as one sequence.
  void add_text(std::string_view text);
  // Adds `count` occurrences of one word.
  void add_word(std::string_view word, uint64_t count);
  void merge(const WordCounts& other);
  // Forgets all words but keeps the memory, for the next text.
  void clear();

  uint64_t words() const { return used_; }
  // Of the distinct words.
  uint64_t word_bytes() const { return arena_.size(); }
  uint64_t occurrences() const { return occurrences_; }
  // Bytes of the table and of the words in it.
  uint64_t memory() const { return entries_.capacity() * sizeof(Entry) + arena_.capacity(); }
  // Calls visit(std::string_view word, uint64_t count) for each distinct word, in no particular order.
  template <class Visit>
  void each(Visit visit) const {
    for (const Entry& entry : entries_) {
      if (entry.count) visit(word_of(entry), entry.count);
    }
  }

 private:
  struct Entry {
    uint64_t hash = 0, offset = 0, count = 0;  // count 0: empty
    uint64_t bytes = 0;
  };
  std::string_view word_of(const Entry& entry) const {
    return {reinterpret_cast<const char*>(arena_.data()) + entry.offset, entry.bytes};
  }
  static uint64_t hash_of(std::string_view word);
  void add(std::string_view word, uint64_t hash, uint64_t count);
  void grow();

  std::vector<Entry> entries_;  // open addressing, a power of two of them
  std::vector<uint8_t> arena_;  // the words' bytes
  uint64_t used_ = 0, occurrences_ = 0;
  PieceBlocks blocks_;
};

}  // namespace aot
