// defines: aot::fuzz::Tokenizer, aot::fuzz::tokenizers, aot::fuzz::encode
#pragma once
#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/bpe_encoder.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/char_model.h"
#include "tokenizer/utf8.h"

namespace aot::fuzz {

inline constexpr const char* training_text =
    "the cat sat on the mat, and the other cats that sat there didn't; they've they'll we're I'm he'd it's\n"
    "The theory of the thing: \"there's nothing\" -- 1234 12345 1999 2000 2001 (100 000), 3.14159!!! ... ??\n"
    "l'\xC3\xA9t\xC3\xA9 \xC3\xA9tait l\xC3\xA0, les \xC3\xAAtres \xC3\xA0 c\xC3\xB4t\xC3\xA9 \xC3\xA9taient pr\xC3"
    "\xAAts\n    if (there) {\n        return nothing;\n    }\n\t\tabababab aaaaaaaaaaaaaaaa          \n\n\n"
    "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\xE3\x81\xAE\xE6\x97\xA5\xE6\x9C\xAC\xE3\x80\x82\xE4\xB8\xAD\xE6\x96\x87\xE3"
    "\x80\x82 \xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 \xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x81\n";

// A tokenizer with the encoder that keeps what it remembers from one input to the next.
struct Tokenizer {
  std::shared_ptr<const TokenizerModel> model;
  std::unique_ptr<TextEncoder> encoder;
  bool keeps_text = true;  // decoding gives the text again

  explicit Tokenizer(std::shared_ptr<const TokenizerModel> from)
      : model(std::move(from)), encoder(model->make_encoder()) {
    for (const AddedToken& token : model->parts().added_tokens) {
      if (token.lstrip || token.rstrip) keeps_text = false;
    }
  }
};

// Tokens that overlap, some of them in the vocabulary already.
inline void add_tokens(TokenizerParts& parts) {
  parts.added_tokens = {
      {.content = end_of_text},
      {.content = "<|end"},
      {.content = "|>"},
      {.content = "<|endoftext|><|endoftext|>"},
      {.content = "  "},
      {.content = "the", .special = false, .normalized = true},
      {.content = "there's", .special = false, .normalized = true},
      {.content = "\xE3\x80\x82"},
  };
  uint32_t next_id = static_cast<uint32_t>(parts.vocabulary.size());
  for (AddedToken& token : parts.added_tokens) {
    const auto known = std::find(parts.vocabulary.begin(), parts.vocabulary.end(), token.content);
    const bool is_known = known != parts.vocabulary.end();
    token.id = is_known ? static_cast<uint32_t>(known - parts.vocabulary.begin()) : next_id++;
  }
}

// Of byte pairs, plain and with added tokens, which take white space or not; of characters.
inline std::vector<Tokenizer>& tokenizers() {
  static std::vector<Tokenizer> all = [] {
    WordCounts words;
    for (int i = 0; i < 3; i++) words.add_text(training_text);
    const std::shared_ptr<const BpeModel> trained = train_bpe(words, 480, nullptr);
    BpeParts parts = trained->parts();
    add_tokens(parts);
    const auto added = std::make_shared<BpeModel>(parts);
    parts.added_tokens[1].rstrip = true;
    parts.added_tokens[2].lstrip = true;
    // White space that a token has taken can be a token once more, as in Hugging Face's library: not with this check.
    parts.added_tokens[4].content = "x  ";
    parts.added_tokens[6].lstrip = parts.added_tokens[6].rstrip = true;
    const auto stripping = std::make_shared<BpeModel>(parts);

    CharParts characters;
    characters.vocabulary = {end_of_text};
    for (uint32_t code_point = 0; code_point < 0x250; code_point++) {
      append_utf8(characters.vocabulary.emplace_back(), code_point);
    }
    characters.vocabulary.push_back(unknown_token);
    add_tokens(characters);

    std::vector<Tokenizer> made;
    made.emplace_back(trained);
    made.emplace_back(added);
    made.emplace_back(stripping);
    made.emplace_back(std::make_shared<CharModel>(std::move(characters)));
    made.back().keeps_text = false;
    return made;
  }();
  return all;
}

inline std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.encoder->encode_with_added_tokens(text, ids);
  return ids;
}

}  // namespace aot::fuzz
