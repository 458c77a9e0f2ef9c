#include "tokenizer/utf8.h"

#include <cstddef>
#include <cstring>

namespace aot {
namespace {

// Bytes of the longest start of `text` that is a character or could have become one (at least 1).
size_t character_or_broken_part(std::string_view text, bool& valid) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  valid = lead < 0x80;
  if (lead < 0xC2 || lead > 0xF4) return 1;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  const size_t length = utf8_length(lead);
  for (size_t i = 1; i < length; i++) {
    if (i >= text.size()) return i;
    if (i == 1 ? byte(i) < low || byte(i) > high : !is_utf8_continuation(byte(i))) return i;
  }
  valid = true;
  return length;
}

}  // namespace

void append_utf8(std::string& text, uint32_t code_point) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    text += static_cast<char>(0xC0 | code_point >> 6);
    tail(0);
  } else if (code_point < 0x10000) {
    text += static_cast<char>(0xE0 | code_point >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | code_point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string utf8_from_utf16(std::u16string_view text) {
  std::string utf8;
  utf8.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) {
    // ASCII, the usual case, eight units at a time.
    uint64_t units[2];
    while (at + 8 <= text.size()) {
      std::memcpy(units, &text[at], 16);
      if ((units[0] | units[1]) & 0xFF80FF80FF80FF80u) break;
      char ascii[8];
      for (int i = 0; i < 8; i++) ascii[i] = static_cast<char>(text[at + i]);
      utf8.append(ascii, 8);
      at += 8;
    }
    if (at == text.size()) break;
    const char16_t unit = text[at++];
    if (unit < 0xD800 || unit > 0xDFFF) {
      append_utf8(utf8, unit);
    } else if (unit < 0xDC00 && at < text.size() && text[at] >= 0xDC00 && text[at] <= 0xDFFF) {
      append_utf8(utf8, 0x10000u + ((unit - 0xD800u) << 10) + (text[at++] - 0xDC00u));
    } else {
      append_utf8(utf8, 0xFFFD);
    }
  }
  return utf8;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    bool valid = false;
    const size_t length = character_or_broken_part(bytes, valid);
    if (valid) {
      text.append(bytes.substr(0, length));
    } else {
      text.append("\xEF\xBF\xBD");
    }
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace aot
