#include "tokenizer/char_model.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/error.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

constexpr uint32_t ascii_end = 0x80;

[[noreturn]] void fail_unknown(uint32_t code_point) {
  std::string character;
  append_utf8(character, code_point);
  char number[16];
  std::snprintf(number, sizeof number, "U+%04X", static_cast<unsigned>(code_point));
  fail(ErrorCode::data, "the character " + nlohmann::json(character).dump() + " (" + number +
                            ") is not in the tokenizer's vocabulary: make a tokenizer from text that has it, or one "
                            "with a token for unknown characters (aot-tokenize --char --unk)");
}

}  // namespace

CharModel::CharModel(CharParts parts) : parts_(std::move(parts)) {
  collect_tokens([](const std::string& token) { return token; });
  for (uint32_t id = 0; id < parts_.vocabulary.size(); id++) {
    const std::string& token = parts_.vocabulary[id];
    if (token.empty()) continue;
    if (token == parts_.unknown) {
      unknown_ = static_cast<int32_t>(id);
      continue;
    }
    uint32_t length;
    const uint32_t code_point = decode_utf8(reinterpret_cast<const uint8_t*>(token.data()), length);
    if (length == token.size()) {
      if (code_point >= ids_.size()) ids_.resize(std::max<size_t>(code_point + 1, ascii_end), none);
      ids_[code_point] = static_cast<int32_t>(id);
    } else if (std::none_of(parts_.added_tokens.begin(), parts_.added_tokens.end(),
                            [&](const AddedToken& added) { return added.id == id; })) {
      fail(ErrorCode::data, "the token \"" + token + "\" is not one character");
    }
  }
  if (ids_.empty()) ids_.resize(ascii_end, none);
  std::replace(ids_.begin(), ids_.end(), none, unknown_);
}

std::unique_ptr<TextEncoder> CharModel::make_encoder() const {
  return std::make_unique<CharEncoder>(std::static_pointer_cast<const CharModel>(shared_from_this()));
}

std::shared_ptr<const TokenizerModel> CharModel::with_added_tokens(std::vector<AddedToken> added_tokens) const {
  CharParts parts = parts_;
  parts.added_tokens = std::move(added_tokens);
  return std::make_shared<CharModel>(std::move(parts));
}

CharEncoder::CharEncoder(std::shared_ptr<const CharModel> model)
    : model_(std::move(model)), finder_(model_->parts().added_tokens) {}

void CharEncoder::encode(std::string_view text, std::vector<int32_t>& ids) {
  const uint8_t *at = reinterpret_cast<const uint8_t*>(text.data()), *const end = at + text.size();
  const size_t before = ids.size();
  ids.resize(before + text.size());  // at most an id a byte
  int32_t* out = ids.data() + before;
  const CharModel& model = *model_;
  while (at < end) {
    uint32_t code_point = *at, length = 1;
    if (code_point >= ascii_end) code_point = decode_utf8(at, length);
    const int32_t id = model.id(code_point);
    if (id == CharModel::none) fail_unknown(code_point);
    *out++ = id;
    at += length;
  }
  ids.resize(static_cast<size_t>(out - ids.data()));
  words_ += ids.size() - before;
}

void CharEncoder::encode_with_added_tokens(std::string_view text, std::vector<int32_t>& ids) {
  for (const AddedTokenFinder::Segment& segment : finder_.split(text)) {
    if (segment.id >= 0) {
      ids.push_back(static_cast<int32_t>(segment.id));
      words_++;
    } else {
      encode(segment.text, ids);
    }
  }
}

}  // namespace aot
