#include "tokenizer/reverse_text.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "io/atomic_file.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

constexpr size_t most_continuations = 3;  // in one character

}  // namespace

TextReport reverse_text(const std::string& file, const std::string& out, const WorkControl& control,
                        size_t block_bytes) {
  const InputFile input(file);
  const int64_t size = input.size();
  control.set_total(size);
  AtomicFile output(out);
  const auto read = [&](uint8_t* to, size_t bytes, int64_t offset) {
    if (input.read(to, bytes, offset) != bytes) {
      fail(ErrorCode::io, "cannot reverse " + file + ": it became shorter while it was read; start again");
    }
  };

  int64_t text_begin = 0;
  uint8_t mark[3];
  if (size >= 3 && (read(mark, 3, 0), std::memcmp(mark, "\xEF\xBB\xBF", 3) == 0)) {
    output.write(mark, 3);
    text_begin = 3;
  }

  TextReport report{.files = 1, .bytes = size, .invalid_bytes = 0, .cut_pieces = 0};
  block_bytes = std::max(block_bytes, most_continuations + 1);
  std::vector<uint8_t> block(block_bytes), reversed(block_bytes);
  size_t kept = 0;  // bytes at the front of the block read last: the end of a character whose start comes before
  for (int64_t end = size; end > text_begin;) {
    control.check_stop();
    const size_t fresh = static_cast<size_t>(std::min<int64_t>(end - text_begin, block_bytes - kept));
    std::memmove(block.data() + fresh, block.data(), kept);
    end -= static_cast<int64_t>(fresh);
    read(block.data(), fresh, end);
    const size_t filled = fresh + kept;
    kept = 0;
    if (end > text_begin) {
      while (kept < most_continuations && kept < filled && is_utf8_continuation(block[kept])) kept++;
    }

    // Characters are found wherever they stand: a lead byte is never part of another one.
    uint8_t* to = reversed.data() + reversed.size();
    for (size_t at = kept; at < filled;) {
      const int length = utf8_character(block.data() + at, filled - at);
      if (length <= 0) {
        report.invalid_bytes++;
        at++;
        continue;
      }
      to -= length;
      std::memcpy(to, block.data() + at, static_cast<size_t>(length));
      at += static_cast<size_t>(length);
    }
    output.write(to, static_cast<size_t>(reversed.data() + reversed.size() - to));
    control.add_bytes(static_cast<int64_t>(fresh));
  }
  output.commit();
  return report;
}

}  // namespace aot
