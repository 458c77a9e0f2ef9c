#include "tokenizer/text_cleaner.h"

#include <bit>
#include <cstring>

#include "tokenizer/plain_text.h"
#include "tokenizer/utf8.h"
#include "tokenizer/vector_isa.h"

namespace aot {
namespace {

constexpr uint64_t every_byte = 0x0101010101010101u;
constexpr uint64_t high_bits = 0x80 * every_byte;

static_assert(std::endian::native == std::endian::little, "words of text are read in little-endian order");

template <class Word>
Word load(const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// Marks (at bit 7 of each byte) bytes that are not ASCII or are CR; exact up to the lowest mark.
uint64_t special_bytes(uint64_t word) {
  const uint64_t from_return = word ^ ('\r' * every_byte);
  return (word | ((from_return - every_byte) & ~from_return)) & high_bits;
}

}  // namespace

int utf8_character(const uint8_t* text, size_t size) {
  if (size == 0) return utf8_truncated;
  const uint8_t lead = text[0];
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  if (size < 2) return utf8_truncated;
  const uint8_t second = text[1];
  if (!is_utf8_continuation(second)) return 0;
  if (lead < 0xE0) return 2;
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  const int length = lead < 0xF0 ? 3 : 4;
  for (int at = 2; at < length; at++) {
    if (static_cast<size_t>(at) == size) return utf8_truncated;
    if (!is_utf8_continuation(text[at])) return 0;
  }
  return length;
}

const uint8_t* plain_end_scalar(const uint8_t* from, const uint8_t* end) {
  while (end - from >= 8) {
    uint64_t special = special_bytes(load<uint64_t>(from));
    if (special == 0) {
      from += 8;
      while (end - from >= 32) {
        if ((special_bytes(load<uint64_t>(from)) | special_bytes(load<uint64_t>(from + 8)) |
             special_bytes(load<uint64_t>(from + 16)) | special_bytes(load<uint64_t>(from + 24))) != 0) {
          break;
        }
        from += 32;
      }
      continue;
    }
    from += std::countr_zero(special) / 8;
    // A run of two- and three-byte characters: most of the text of most scripts.
    while (end - from >= 4) {
      const uint32_t word = load<uint32_t>(from);
      if ((word & 0xC0C0F0) == 0x8080E0) {
        const uint32_t first_two = word & 0xFFFF;
        const bool overlong = (word & 0x200F) == 0x0000, surrogate = (word & 0x200F) == 0x200D;
        const bool separator = first_two == 0x80E2 && ((word >> 16 & 0xFE) == 0xA8);
        if (overlong || surrogate || separator) return from;
        from += 3;
      } else if ((word & 0xC0E0) == 0x80C0 && (word & 0x1E) != 0) {
        from += 2;
      } else {
        break;
      }
    }
    if (end - from < 4) return from;
    if (*from < 0x80) {
      if (*from == '\r') return from;
      continue;
    }
    const int length = utf8_character(from, static_cast<size_t>(end - from));
    if (length != 4) return from;
    from += length;
  }
  return from;
}

PlainEnd plain_end_named(std::string_view name) {
  if (name == "scalar") return plain_end_scalar;
#if defined(__x86_64__)
  if (name == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return plain_end_avx2;
  if (name == "avx512" && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2")) return plain_end_avx512;
#endif
  return nullptr;
}

size_t TextCleaner::clean(const uint8_t* data, size_t size, bool last, uint8_t* out, size_t& written) {
  static const PlainEnd plain_end = best_of_isa(plain_end_named);
  const uint8_t *from = data, *const end = data + size;
  uint8_t* to = out;
  while (from < end) {
    if (!at_start_ && !after_carriage_return_) {
      const uint8_t* plain = plain_end(from, end);
      std::memcpy(to, from, static_cast<size_t>(plain - from));
      to += plain - from;
      from = plain;
      if (from == end) break;
    }
    const int length = utf8_character(from, static_cast<size_t>(end - from));
    if (length == utf8_truncated && !last) break;
    if (length <= 0) {
      at_start_ = false;
      invalid_bytes_++;
      from++;
      continue;
    }
    const bool byte_order_mark = at_start_ && length == 3 && std::memcmp(from, "\xEF\xBB\xBF", 3) == 0;
    const bool joined = after_carriage_return_ && *from == '\n';
    const bool separator = length == 3 && from[0] == 0xE2 && from[1] == 0x80 && (from[2] & 0xFE) == 0xA8;
    at_start_ = false;
    after_carriage_return_ = *from == '\r';
    if (after_carriage_return_ || separator) {
      *to++ = '\n';
    } else if (!byte_order_mark && !joined) {
      std::memcpy(to, from, static_cast<size_t>(length));
      to += length;
    }
    from += length;
  }
  written = static_cast<size_t>(to - out);
  return static_cast<size_t>(from - data);
}

}  // namespace aot
