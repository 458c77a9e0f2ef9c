#include "tokenizer/tokenizer_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "backend/error.h"

namespace aot {

using nlohmann::json;

namespace {

// A message that may quote the file's content: without its line ends, and not endless.
std::string one_line(std::string message) {
  constexpr size_t most_bytes = 400;
  if (message.size() > most_bytes) message = message.substr(0, most_bytes) + "...";
  for (char& byte : message) {
    if (static_cast<unsigned char>(byte) < ' ') byte = ' ';
  }
  return message;
}

}  // namespace

bool TokenizerFile::exists() const { return std::filesystem::exists(path_); }

void TokenizerFile::damaged(const std::string& what) const {
  fail(ErrorCode::data,
       path_ + ": " + one_line(what) + ": the file is damaged or not a tokenizer's, get it again or train anew");
}

void TokenizerFile::unsupported(const std::string& what) const {
  fail(ErrorCode::data, path_ + ": " + one_line(what) +
                            " is not supported: only GPT-2's byte-level BPE and character-level tokenizers are");
}

std::string TokenizerFile::read() const {
  std::ifstream file(path_, std::ios::binary);
  std::string content;
  char buffer[1 << 14];
  while (file.read(buffer, sizeof buffer) || file.gcount() > 0) {
    content.append(buffer, static_cast<size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    fail(ErrorCode::io, "cannot read " + path_ + ": " + std::strerror(errno ? errno : EIO));
  }
  return content;
}

json TokenizerFile::read_json() const {
  const std::string text = read();
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& error) {
    damaged("not valid JSON (at byte " + std::to_string(error.byte) + " of " + std::to_string(text.size()) + ")");
  } catch (const json::out_of_range&) {
    damaged("a number is too large");
  }
  if (!root.is_object()) damaged("not a JSON object");
  return root;
}

std::string in_quotes(std::string_view text) { return std::string(1, '"').append(text) += '"'; }

const json& member(const json& object, const char* key) {
  static const json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

bool flag(const TokenizerFile& file, const json& object, const char* key, bool absent) {
  const json& value = member(object, key);
  if (value.is_null()) return absent;
  if (!value.is_boolean()) file.damaged(in_quotes(key) + " must be true or false");
  return value.get<bool>();
}

std::string type_of(const json& component) {
  const json& type = component.is_object() ? member(component, "type") : component;
  return type.is_string() ? type.get<std::string>() : "of unknown type";
}

uint32_t id_of(const TokenizerFile& file, std::string_view token, const json& id) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX) {
    file.damaged("the id of the token " + in_quotes(token) + " must be a whole number from 0 to 2^31 - 1");
  }
  return id.get<uint32_t>();
}

AddedToken added_token_of(const TokenizerFile& file, const json& object) {
  const json& content = object.is_object() ? member(object, "content") : object;
  if (!content.is_string() || content.get_ref<const std::string&>().empty()) {
    file.damaged("an added token has no \"content\"");
  }
  AddedToken token;
  token.content = content.get<std::string>();
  if (!object.is_object()) return token;
  if (flag(file, object, "single_word", false)) {
    file.unsupported("single_word of the added token " + in_quotes(token.content));
  }
  token.lstrip = flag(file, object, "lstrip", false);
  token.rstrip = flag(file, object, "rstrip", false);
  token.special = flag(file, object, "special", false);
  token.normalized = flag(file, object, "normalized", !token.special);
  return token;
}

}  // namespace aot
