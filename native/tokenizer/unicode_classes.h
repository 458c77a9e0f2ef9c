// defines: aot::CharClass, aot::UnicodeClasses, aot::unicode_classes
#pragma once
#include <cstdint>
#include <vector>

namespace aot {

// What the GPT-2 pre-tokenizer tells apart: \p{L}, \p{N}, everything else, \s.
enum class CharClass : uint8_t { letter, number, other, space };

// The class of every code point of Unicode 16 (the tables Hugging Face's library bundles since 0.21), in pages of 256.
class UnicodeClasses {
 public:
  UnicodeClasses();
  // Any value is allowed; above U+10FFFF the class is `other`.
  CharClass operator()(uint32_t code_point) const {
    const uint32_t page = code_point >> 8;
    return page < page_count ? pages_[page_index_[page] * 256u + (code_point & 255)] : CharClass::other;
  }
  CharClass ascii(uint8_t byte) const { return pages_[byte]; }

 private:
  static constexpr uint32_t page_count = 0x1100;
  uint16_t page_index_[page_count];
  std::vector<CharClass> pages_;  // page 0 first
};

// Built once, at the first call.
const UnicodeClasses& unicode_classes();

}  // namespace aot
