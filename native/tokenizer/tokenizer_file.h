// defines: aot::TokenizerFile, aot::member, aot::flag, aot::type_of, aot::id_of, aot::added_token_of
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "tokenizer/tokenizer_model.h"

namespace aot {

// One of the files of a tokenizer's folder; every message of its errors starts with its path.
class TokenizerFile {
 public:
  explicit TokenizerFile(std::string path) : path_(std::move(path)) {}
  bool exists() const;
  std::string read() const;
  // AOT_DATA unless it is a JSON object.
  nlohmann::json read_json() const;
  [[noreturn]] void damaged(const std::string& what) const;
  [[noreturn]] void unsupported(const std::string& what) const;

 private:
  std::string path_;
};

std::string in_quotes(std::string_view text);
// object[key], or null when it is absent.
const nlohmann::json& member(const nlohmann::json& object, const char* key);
bool flag(const TokenizerFile& file, const nlohmann::json& object, const char* key, bool absent);
// The `type` of a component.
std::string type_of(const nlohmann::json& component);
uint32_t id_of(const TokenizerFile& file, std::string_view token, const nlohmann::json& id);
// An added token, but for its id; `object` may be its content alone.
AddedToken added_token_of(const TokenizerFile& file, const nlohmann::json& object);

}  // namespace aot
