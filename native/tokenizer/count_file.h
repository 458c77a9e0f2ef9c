// defines: aot::CountKind, aot::CountSummary, aot::CountFileWriter, aot::read_count_file
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/digest.h"
#include "tokenizer/text_reader.h"

namespace aot {

enum class CountKind { words, characters };

// What the counts of a work unit are of.
struct CountSummary {
  std::string plan;
  int unit = 0;
  CountKind kind = CountKind::words;
  TextReport text;
  uint64_t occurrences = 0;
};

// Writes how often each word occurs to a file that appears whole or not at all: a line that says what it is, for each
// word its length, its count (both as LEB128) and its bytes, a zero, a line of JSON with the summary, and a line with
// the digest of all before. A word may come several times; its counts add up.
class CountFileWriter {
 public:
  explicit CountFileWriter(std::string path);
  void add(std::string_view word, uint64_t count);
  void commit(const CountSummary& summary);

 private:
  void write_number(uint64_t number);
  void flush();

  AtomicFile file_;
  Digest digest_;
  std::string buffer_;
};

// Reads a file of counts through and calls visit (if there is one) for each of its words, before it is known whether
// the file is whole: with an error, what was visited counts for nothing. AOT_DATA when it is damaged, of another plan
// or of another kind; AOT_IO when it cannot be read.
CountSummary read_count_file(const std::string& path, const std::string& plan,
                             const std::function<void(std::string_view word, uint64_t count)>& visit = nullptr);

}  // namespace aot
