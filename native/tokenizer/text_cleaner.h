// defines: aot::utf8_character, aot::TextCleaner
#pragma once
#include <cstddef>
#include <cstdint>

namespace aot {

// Length (1 to 4) of the well-formed UTF-8 character at `text`; 0 when there is none, and `utf8_truncated` when the
// `size` bytes there only begin one. (Unicode 16, table 3-7: no overlong forms, no surrogates, at most U+10FFFF.)
inline constexpr int utf8_truncated = -1;
int utf8_character(const uint8_t* text, size_t size);

// Makes the text that is tokenized out of the bytes of one file, portion by portion:
// - what is not well-formed UTF-8 is dropped and counted (what Python's errors="ignore" keeps is kept),
// - a byte order mark at the very start is dropped,
// - CR LF, a lone CR, U+2028 and U+2029 each become LF (CR and LF are joined after dropping, as in Python's text mode).
// The result does not depend on where the portions end.
class TextCleaner {
 public:
  // at_start: the first portion is the file's start.
  explicit TextCleaner(bool at_start = true) : at_start_(at_start) {}
  // Writes the cleaned form of the portion to `out` (room for `size` bytes) and its length to `written`. Returns how
  // many bytes were used up: a character cut off by the portion's end is left (at most 3 bytes), to be given again with
  // what follows, unless this is the `last` portion, where it is dropped.
  size_t clean(const uint8_t* data, size_t size, bool last, uint8_t* out, size_t& written);
  // Bytes dropped because they were not UTF-8.
  int64_t invalid_bytes() const { return invalid_bytes_; }

 private:
  int64_t invalid_bytes_ = 0;
  bool at_start_;
  bool after_carriage_return_ = false;  // a line feed that comes next belongs to it
};

}  // namespace aot
