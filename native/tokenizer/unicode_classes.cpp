#include "tokenizer/unicode_classes.h"

#include <algorithm>
#include <map>

#include "tokenizer/unicode_ranges.h"

namespace aot {

UnicodeClasses::UnicodeClasses() {
  std::vector<CharClass> all(page_count * 256, CharClass::other);
  const auto fill = [&](const auto& ranges, CharClass char_class) {
    for (const CodePointRange& range : ranges) {
      std::fill(all.begin() + range.first, all.begin() + range.last + 1, char_class);
    }
  };
  fill(letter_ranges, CharClass::letter);
  fill(number_ranges, CharClass::number);
  fill(space_ranges, CharClass::space);
  std::map<std::vector<CharClass>, uint16_t> index_of_page;  // most pages are alike
  for (uint32_t page = 0; page < page_count; page++) {
    const std::vector<CharClass> content(all.begin() + page * 256, all.begin() + (page + 1) * 256);
    const auto [entry, is_new] = index_of_page.try_emplace(content, static_cast<uint16_t>(index_of_page.size()));
    if (is_new) pages_.insert(pages_.end(), content.begin(), content.end());
    page_index_[page] = entry->second;
  }
}

const UnicodeClasses& unicode_classes() {
  static const UnicodeClasses classes;
  return classes;
}

}  // namespace aot
