#include "tokenizer/tokenizer_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "backend/error.h"
#include "tokenizer/utf8.h"

namespace aot {

void TokenizerModel::collect_tokens(const std::function<std::string(const std::string& token)>& bytes_of) {
  const auto& [vocabulary, added_tokens] = parts();
  size_t size = vocabulary.size();
  for (const AddedToken& added : added_tokens) size = std::max(size, size_t{added.id} + 1);
  if (size > size_t{1} << 31) fail(ErrorCode::data, "the vocabulary has more than 2^31 ids");
  token_bytes_.resize(size);
  special_.resize(size);
  std::unordered_set<std::string_view> seen;
  for (uint32_t id = 0; id < vocabulary.size(); id++) {
    const std::string& token = vocabulary[id];
    if (token.empty()) continue;
    if (!seen.insert(token).second) fail(ErrorCode::data, "the token \"" + token + "\" has two ids");
    token_bytes_[id] = bytes_of(token);
  }
  for (const AddedToken& added : added_tokens) {
    std::string& bytes = token_bytes_[added.id];
    const bool in_vocabulary = added.id < vocabulary.size() && !vocabulary[added.id].empty();
    if (added.content.empty()) {
      fail(ErrorCode::data, "the added token with the id " + std::to_string(added.id) + " is empty");
    }
    if (in_vocabulary ? vocabulary[added.id] != added.content : !bytes.empty()) {
      fail(ErrorCode::data, "two tokens have the id " + std::to_string(added.id));
    }
    if (!in_vocabulary) {
      if (!seen.insert(added.content).second) fail(ErrorCode::data, "the token \"" + added.content + "\" has two ids");
      bytes = bytes_of(added.content);
    }
    special_[added.id] = added.special;
  }
  for (size_t id = 0; id < size; id++) {
    if (token_bytes_[id].empty()) {
      fail(ErrorCode::data, "the vocabulary has " + std::to_string(size) + " ids, but none of its tokens has the id " +
                                std::to_string(id));
    }
  }
}

const std::string& TokenizerModel::token(uint32_t id) const {
  const auto& [vocabulary, added_tokens] = parts();
  if (id < vocabulary.size() && !vocabulary[id].empty()) return vocabulary[id];
  return std::find_if(added_tokens.begin(), added_tokens.end(), [&](const AddedToken& added) { return added.id == id; })
      ->content;
}

std::optional<uint32_t> TokenizerModel::find(std::string_view token) const {
  std::call_once(indexed_, [this] {
    const auto& [vocabulary, added_tokens] = parts();
    for (uint32_t id = 0; id < vocabulary.size(); id++) {
      if (!vocabulary[id].empty()) ids_.emplace(vocabulary[id], id);
    }
    for (const AddedToken& added : added_tokens) ids_.emplace(added.content, added.id);
  });
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::string TokenizerModel::decode(const int32_t* ids, size_t count, bool skip_special) const {
  std::string bytes;
  for (size_t i = 0; i < count; i++) {
    if (ids[i] < 0 || static_cast<size_t>(ids[i]) >= vocab_size()) {
      fail(ErrorCode::data, "the id " + std::to_string(ids[i]) + " (at position " + std::to_string(i) +
                                ") is outside the tokenizer's vocabulary of " + std::to_string(vocab_size()) +
                                ": the ids come from another tokenizer");
    }
    if (!skip_special || !special_[static_cast<size_t>(ids[i])]) bytes += token_bytes_[static_cast<size_t>(ids[i])];
  }
  return replace_invalid_utf8(bytes);
}

std::shared_ptr<const TokenizerModel> TokenizerModel::with_special_tokens(
    const std::vector<std::string>& contents) const {
  std::vector<AddedToken> added_tokens = parts().added_tokens;
  uint32_t next_id = static_cast<uint32_t>(vocab_size());
  for (const std::string& content : contents) {
    const std::string shown = nlohmann::json(content).dump();
    if (content.empty()) fail(ErrorCode::config, "a special token cannot be empty");
    if (const auto id = find(content)) {
      fail(ErrorCode::config, "the tokenizer has the token " + shown + " already, with the id " + std::to_string(*id) +
                                  ": give the new one another name");
    }
    const bool twice = std::any_of(added_tokens.begin(), added_tokens.end(),
                                   [&](const AddedToken& added) { return added.content == content; });
    if (twice) fail(ErrorCode::config, "the special token " + shown + " is given twice");
    added_tokens.push_back({.id = next_id++, .content = content});
  }
  return with_added_tokens(std::move(added_tokens));
}

}  // namespace aot
