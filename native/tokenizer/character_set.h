// defines: aot::CharacterSet, aot::make_char_model
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/char_model.h"

namespace aot {

// Which characters a text has, and how many of them.
class CharacterSet {
 public:
  CharacterSet() : seen_(code_points) {}
  // The text is valid UTF-8.
  void add_text(std::string_view text);
  void merge(const CharacterSet& other);
  uint64_t occurrences() const { return occurrences_; }
  // In ascending order.
  std::vector<uint32_t> characters() const;

 private:
  static constexpr size_t code_points = 0x110000;
  std::vector<uint8_t> seen_;  // by code point
  uint64_t occurrences_ = 0;
};

// <|endoftext|> = 0, with `unknown` <|unk|> = 1, then the characters by code point.
std::shared_ptr<const CharModel> make_char_model(const CharacterSet& text, bool unknown);

}  // namespace aot
