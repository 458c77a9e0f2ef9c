#include "tokenizer/character_set.h"

#include <string>
#include <utility>

#include "tokenizer/utf8.h"

namespace aot {

void CharacterSet::add_text(std::string_view text) {
  const uint8_t *at = reinterpret_cast<const uint8_t*>(text.data()), *const end = at + text.size();
  while (at < end) {
    uint32_t length;
    seen_[decode_utf8(at, length)] = 1;
    at += length;
    occurrences_++;
  }
}

void CharacterSet::merge(const CharacterSet& other) {
  for (size_t i = 0; i < code_points; i++) seen_[i] |= other.seen_[i];
  occurrences_ += other.occurrences_;
}

std::vector<uint32_t> CharacterSet::characters() const {
  std::vector<uint32_t> characters;
  for (uint32_t i = 0; i < code_points; i++) {
    if (seen_[i]) characters.push_back(i);
  }
  return characters;
}

std::shared_ptr<const CharModel> make_char_model(const CharacterSet& text, bool unknown) {
  CharParts parts;
  const auto add_special = [&](const char* content) {
    parts.added_tokens.push_back({.id = static_cast<uint32_t>(parts.vocabulary.size()), .content = content});
    parts.vocabulary.emplace_back(content);
  };
  add_special(end_of_text);
  if (unknown) add_special(unknown_token);
  for (const uint32_t character : text.characters()) append_utf8(parts.vocabulary.emplace_back(), character);
  return std::make_shared<CharModel>(std::move(parts));
}

}  // namespace aot
