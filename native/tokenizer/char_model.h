// defines: aot::CharParts, aot::CharModel, aot::CharEncoder
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/tokenizer_model.h"

namespace aot {

// The token of characters that are not in the vocabulary, where a tokenizer has one.
inline constexpr const char* unknown_token = "<|unk|>";

struct CharParts : TokenizerParts {
  std::string unknown = unknown_token;  // its name; that of no token: unknown characters are an error
};

// A character-level tokenizer: one id for each code point of the text.
class CharModel : public TokenizerModel {
 public:
  // AOT_DATA as for BpeModel, and for a token of several characters that is neither added nor the unknown token.
  explicit CharModel(CharParts parts);

  const CharParts& parts() const override { return parts_; }
  std::unique_ptr<TextEncoder> make_encoder() const override;
  CutAt cut_at() const override { return CutAt::characters; }

  static constexpr int32_t none = -1;
  // The id of a character; of the unknown token, or none, when it is not in the vocabulary.
  int32_t id(uint32_t code_point) const { return code_point < ids_.size() ? ids_[code_point] : unknown_; }

 private:
  std::shared_ptr<const TokenizerModel> with_added_tokens(std::vector<AddedToken> added_tokens) const override;

  CharParts parts_;
  int32_t unknown_ = none;
  std::vector<int32_t> ids_;  // by code point
};

class CharEncoder : public TextEncoder {
 public:
  explicit CharEncoder(std::shared_ptr<const CharModel> model);
  // AOT_DATA naming a character that has no id.
  void encode_with_added_tokens(std::string_view text, std::vector<int32_t>& ids) override;
  uint64_t words() const override { return words_; }

 private:
  void encode(std::string_view text, std::vector<int32_t>& ids);

  std::shared_ptr<const CharModel> model_;
  AddedTokenFinder finder_;
  uint64_t words_ = 0;
};

}  // namespace aot
