#include "tokenizer/pretokenize.h"

#include <algorithm>
#include <cstring>

#include "backend/error.h"
#include "tokenizer/pretokenize_simd.h"
#include "tokenizer/unicode_classes.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vector_isa.h"

namespace aot {
namespace {

// Where the last character that ends at or before `end` starts; its lead byte is in the view.
size_t previous_character(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && is_utf8_continuation(static_cast<uint8_t>(text[start]))) start--;
  return start;
}

}  // namespace

size_t pretokenize_scalar(const uint8_t* text, size_t bytes, uint32_t* starts) {
  const UnicodeClasses& classes = unicode_classes();
  const auto class_at = [&](size_t at, uint32_t& length) { return classes(decode_utf8(text + at, length)); };
  size_t pieces = 0;
  for (size_t start = 0; start < bytes;) {
    starts[pieces++] = static_cast<uint32_t>(start);
    if (text[start] == '\'') {
      const size_t length = contraction_length(text + start);
      if (length > 0 && start + length <= bytes) {
        start += length;
        continue;
      }
    }
    size_t at = start;
    uint32_t length = 0;
    CharClass run_class = class_at(at, length);
    if (text[start] == ' ' && start + 1 < bytes) {
      const CharClass next = class_at(start + 1, length);
      if (next != CharClass::space) {
        at++;
        run_class = next;
      }
    }
    size_t last = at;  // start of the run's last character
    while (at < bytes && class_at(at, length) == run_class) {
      last = at;
      at += length;
    }
    // A white-space run leaves its last character to what follows.
    if (run_class == CharClass::space && at < bytes && last > start) at = last;
    start = at;
  }
  starts[pieces] = static_cast<uint32_t>(bytes);
  return pieces;
}

size_t pretokenize(const uint8_t* text, size_t bytes, uint32_t* starts) {
  static const Pretokenizer implementation = best_of_isa(pretokenizer_named);
  return implementation(text, bytes, starts);
}

Pretokenizer pretokenizer_named(std::string_view name) {
  if (name == "scalar") return pretokenize_scalar;
#if defined(__x86_64__)
  if (name == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return pretokenize_avx2;
  if (name == "avx512" && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
      __builtin_cpu_supports("bmi2")) {
    return pretokenize_avx512;
  }
#endif
  return nullptr;
}

// Let x be the character before the cut and y the one after it. The cut is taken when x is no white space, x and y are
// of different classes, and not (x is an apostrophe and y a letter). Then a piece starts at y in the whole text: a run
// ends after x, for its class ends there and only U+0020 joins a following run; and a contraction ('s 't 're 've 'm
// 'll 'd) holds neither side of such a boundary but apostrophe-letter, which is excluded. From y on the expression
// looks only forward, so the rest gives the same pieces alone. Before y it looks at most one character past a run of
// white space, and such a run ends before x; a contraction cut short by y fails as it does at the end of a text.
size_t last_safe_cut(std::string_view text) {
  const UnicodeClasses& classes = unicode_classes();
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t end = text.size();  // of the character at `at`
  bool has_next = false;
  CharClass next = CharClass::other;
  while (end > 0) {
    const size_t at = previous_character(text, end);
    uint32_t length = utf8_length(bytes[at]);
    if (at + length != end) {  // incomplete, at the end of the view
      end = at;
      has_next = false;
      continue;
    }
    const CharClass current = classes(decode_utf8(bytes + at, length));
    const bool contraction = bytes[at] == '\'' && next == CharClass::letter;
    if (has_next && current != CharClass::space && current != next && !contraction) return end;
    next = current;
    has_next = true;
    end = at;
  }
  return 0;
}

bool PieceBlocks::next() {
  if (rest_.empty()) return false;
  size_t limit = size_t{64} << 10;
  size_t bytes = rest_.size();
  while (bytes > limit) {
    if (const size_t cut = last_safe_cut(rest_.substr(0, limit))) {
      bytes = cut;
      break;
    }
    limit *= 2;
  }
  if (bytes > UINT32_MAX - pretokenize_padding) {
    fail(ErrorCode::data, "the text holds a word of 4 GiB or more: split the text into smaller parts");
  }
  if (buffer_.size() < bytes + pretokenize_padding) {
    buffer_.resize(bytes + pretokenize_padding);
    starts_.resize(bytes + pretokenize_padding);
  }
  std::memcpy(buffer_.data(), rest_.data(), bytes);
  std::memset(buffer_.data() + bytes, ' ', pretokenize_padding);
  pieces_ = pretokenize(buffer_.data(), bytes, starts_.data());
  bytes_ = bytes;
  rest_.remove_prefix(bytes);
  return true;
}

}  // namespace aot
