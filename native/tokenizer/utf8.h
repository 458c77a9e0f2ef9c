// defines: aot::utf8_length, aot::decode_utf8, aot::append_utf8, aot::replace_invalid_utf8,
// aot::utf8_from_utf16
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace aot {

// Bytes of the character that starts with this byte, in valid UTF-8.
inline uint32_t utf8_length(uint8_t lead) { return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

inline bool is_utf8_continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The code point at `text`, which is valid UTF-8, and its length in bytes.
inline uint32_t decode_utf8(const uint8_t* text, uint32_t& length) {
  const uint32_t lead = text[0];
  length = utf8_length(text[0]);
  switch (length) {
    case 1:
      return lead;
    case 2:
      return (lead & 0x1F) << 6 | (text[1] & 0x3F);
    case 3:
      return (lead & 0x0F) << 12 | (text[1] & 0x3F) << 6 | (text[2] & 0x3F);
    default:
      return (lead & 0x07) << 18 | (text[1] & 0x3F) << 12 | (text[2] & 0x3F) << 6 | (text[3] & 0x3F);
  }
}

// Appends the UTF-8 form of a code point up to U+10FFFF.
void append_utf8(std::string& text, uint32_t code_point);

// The bytes as text: each maximal part that cannot belong to a character becomes one U+FFFD, as the Encoding Standard
// and Rust's from_utf8_lossy have it.
std::string replace_invalid_utf8(std::string_view bytes);

// The text in UTF-8; lone surrogates become U+FFFD.
std::string utf8_from_utf16(std::u16string_view text);

}  // namespace aot
