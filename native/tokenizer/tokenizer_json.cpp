#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "backend/error.h"
#include "tokenizer/bpe_trainer.h"

namespace aot {
namespace {

using nlohmann::json;

// A message that may quote the file's content: without its line ends, and not endless.
std::string one_line(std::string message) {
  constexpr size_t most_bytes = 400;
  if (message.size() > most_bytes) message = message.substr(0, most_bytes) + "...";
  for (char& byte : message) {
    if (static_cast<unsigned char>(byte) < ' ') byte = ' ';
  }
  return message;
}

// One of the folder's files; every message of its errors starts with its path.
class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  bool exists() const { return std::filesystem::exists(path_); }

  [[noreturn]] void damaged(const std::string& what) const {
    fail(ErrorCode::data,
         path_ + ": " + one_line(what) + ": the file is damaged or not a tokenizer's, get it again or train anew");
  }
  [[noreturn]] void unsupported(const std::string& what) const {
    fail(ErrorCode::data, path_ + ": " + one_line(what) + " is not supported: only GPT-2's byte-level BPE is");
  }
  std::string read() const {
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
  json read_json() const {
    const std::string text = read();
    json root;
    try {
      root = json::parse(text);
    } catch (const json::parse_error& error) {
      damaged("not valid JSON (at byte " + std::to_string(error.byte) + " of " + std::to_string(text.size()) + ")");
    }
    if (!root.is_object()) damaged("not a JSON object");
    return root;
  }

 private:
  std::string path_;
};

std::string in_quotes(std::string_view text) { return std::string(1, '"').append(text) += '"'; }

// object[key], or null when it is absent.
const json& member(const json& object, const char* key) {
  static const json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

bool flag(const File& file, const json& object, const char* key, bool absent) {
  const json& value = member(object, key);
  if (value.is_null()) return absent;
  if (!value.is_boolean()) file.damaged(in_quotes(key) + " must be true or false");
  return value.get<bool>();
}

std::string type_of(const json& component) {
  const json& type = component.is_object() ? member(component, "type") : component;
  return type.is_string() ? type.get<std::string>() : "of unknown type";
}

bool is_byte_level(const json& component) { return component.is_object() && type_of(component) == "ByteLevel"; }

uint32_t id_of(const File& file, std::string_view token, const json& id) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX) {
    file.damaged("the id of the token " + in_quotes(token) + " must be a whole number from 0 to 2^31 - 1");
  }
  return id.get<uint32_t>();
}

// Everything beside vocabulary and merges must be what GPT-2's tokenizer has.
void check_components(const File& file, const json& root) {
  for (const char* key : {"truncation", "padding", "normalizer"}) {
    const json& value = member(root, key);
    if (!value.is_null()) file.unsupported("a " + std::string(key) + " (" + type_of(value) + ")");
  }
  const json& pre_tokenizer = member(root, "pre_tokenizer");
  if (pre_tokenizer.is_null()) file.unsupported("a tokenizer without a pre_tokenizer");
  if (!is_byte_level(pre_tokenizer)) file.unsupported("the pre_tokenizer " + type_of(pre_tokenizer));
  if (flag(file, pre_tokenizer, "add_prefix_space", true)) file.unsupported("add_prefix_space in the pre_tokenizer");
  if (!flag(file, pre_tokenizer, "use_regex", true)) file.unsupported("use_regex false in the pre_tokenizer");
  const json& post_processor = member(root, "post_processor");
  if (!post_processor.is_null() && !is_byte_level(post_processor)) {
    file.unsupported("the post_processor " + type_of(post_processor));
  }
  const json& decoder = member(root, "decoder");
  if (decoder.is_null()) file.unsupported("a tokenizer without a decoder");
  if (!is_byte_level(decoder)) file.unsupported("the decoder " + type_of(decoder));
}

void check_model(const File& file, const json& model) {
  if (!model.is_object()) file.damaged("\"model\" is missing or not an object");
  const json& type = member(model, "type");
  if (!type.is_null() && type != "BPE") file.unsupported("the model " + type_of(model));
  const json& dropout = member(model, "dropout");
  if (!dropout.is_null() && dropout != 0) file.unsupported("dropout in the model");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json& value = member(model, key);
    if (!value.is_null() && value != "") file.unsupported("a " + std::string(key) + " in the model");
  }
}

AddedToken added_token(const File& file, const json& object) {
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

// Puts the pieces of one tokenizer together; its faults are those of `vocabulary_file` and `merges_file`.
class Builder {
 public:
  Builder(const File& vocabulary_file, const File& merges_file)
      : vocabulary_file_(vocabulary_file), merges_file_(merges_file) {}

  void set_vocabulary(const json& vocabulary) {
    if (!vocabulary.is_object() || vocabulary.empty()) vocabulary_file_.damaged("the vocabulary is missing or empty");
    ids_.reserve(vocabulary.size());
    for (const auto& [token, id] : vocabulary.items()) {
      if (token.empty()) vocabulary_file_.damaged("the vocabulary holds an empty token");
      ids_.emplace(token, id_of(vocabulary_file_, token, id));
    }
  }
  // The id in the vocabulary, or null.
  const uint32_t* find(const std::string& token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? nullptr : &found->second;
  }
  void add(AddedToken token) {
    if (const uint32_t* id = find(token.content); id && *id != token.id) {
      vocabulary_file_.damaged("the added token " + in_quotes(token.content) + " has the id " +
                               std::to_string(token.id) + ", but " + std::to_string(*id) + " in the vocabulary");
    }
    parts_.added_tokens.push_back(std::move(token));
  }
  bool has_added(const std::string& content) const {
    return std::any_of(parts_.added_tokens.begin(), parts_.added_tokens.end(),
                       [&](const AddedToken& token) { return token.content == content; });
  }
  void set_ignore_merges(bool ignore_merges) { parts_.ignore_merges = ignore_merges; }

  void add_merge(const std::string& left, const std::string& right) {
    const auto need = [&](const std::string& token) {
      const uint32_t* id = find(token);
      if (!id) {
        merges_file_.damaged("merge " + std::to_string(parts_.merges.size() + 1) + " (" +
                             in_quotes(left + " " + right) + ") needs the token " + in_quotes(token) +
                             ", which is not in the vocabulary");
      }
      return *id;
    };
    parts_.merges.push_back({need(left), need(right), need(left + right)});
  }
  void add_merge(std::string_view merge) {
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != std::string_view::npos) {
      bad_merge();
    }
    add_merge(std::string(merge.substr(0, space)), std::string(merge.substr(space + 1)));
  }
  [[noreturn]] void bad_merge() const {
    merges_file_.damaged("merge " + std::to_string(parts_.merges.size() + 1) + " is not a pair of tokens");
  }

  std::shared_ptr<const BpeModel> build() {
    // Ids without gaps lie below the number of tokens: checked first, for a wild id must not size a table.
    size_t tokens = ids_.size();
    for (const AddedToken& added : parts_.added_tokens) tokens += find(added.content) == nullptr;
    const auto check = [&](const std::string& token, uint32_t id) {
      if (id < tokens) return;
      vocabulary_file_.damaged("the token " + in_quotes(token) + " has the id " + std::to_string(id) +
                               ", but there are " + std::to_string(tokens) +
                               " tokens: ids must run from 0 without gaps");
    };
    for (const AddedToken& added : parts_.added_tokens) check(added.content, added.id);
    for (const auto& [token, id] : ids_) {
      check(token, id);
      if (id >= parts_.vocabulary.size()) parts_.vocabulary.resize(size_t{id} + 1);
      std::string& place = parts_.vocabulary[id];
      if (!place.empty()) {
        vocabulary_file_.damaged("the tokens " + in_quotes(std::min(place, token)) + " and " +
                                 in_quotes(std::max(place, token)) + " have the same id " + std::to_string(id));
      }
      place = token;
    }
    std::stable_sort(parts_.added_tokens.begin(), parts_.added_tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    try {
      return std::make_shared<BpeModel>(std::move(parts_));
    } catch (const Error& error) {
      vocabulary_file_.damaged(error.what());
    }
  }

 private:
  const File &vocabulary_file_, &merges_file_;
  std::unordered_map<std::string, uint32_t> ids_;
  BpeParts parts_;
};

std::shared_ptr<const BpeModel> load_tokenizer_json(const File& file) {
  const json root = file.read_json();
  const json& model = member(root, "model");
  check_model(file, model);
  check_components(file, root);
  Builder builder(file, file);
  builder.set_vocabulary(member(model, "vocab"));
  builder.set_ignore_merges(flag(file, model, "ignore_merges", false));
  const json& added_tokens = member(root, "added_tokens");
  if (!added_tokens.is_array() && !added_tokens.is_null()) file.damaged("\"added_tokens\" is not a list");
  for (const json& object : added_tokens) {
    AddedToken token = added_token(file, object);
    token.id = id_of(file, token.content, object.is_object() ? member(object, "id") : json());
    builder.add(std::move(token));
  }
  const json& merges = member(model, "merges");
  if (!merges.is_array()) file.damaged("the merges are missing");
  for (const json& merge : merges) {
    if (merge.is_string()) {
      builder.add_merge(merge.get_ref<const std::string&>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      builder.add_merge(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else {
      builder.bad_merge();
    }
  }
  return builder.build();
}

// The form before tokenizer.json: the special tokens stand in files of their own.
std::shared_ptr<const BpeModel> load_vocab_and_merges(const std::string& folder) {
  const File vocabulary(folder + "/vocab.json"), merges(folder + "/merges.txt");
  const File added(folder + "/added_tokens.json"), special(folder + "/special_tokens_map.json");
  Builder builder(vocabulary, merges);
  builder.set_vocabulary(vocabulary.read_json());
  std::unordered_map<std::string, uint32_t> added_ids;
  const json added_json = added.exists() ? added.read_json() : json::object();
  for (const auto& [token, id] : added_json.items()) added_ids.emplace(token, id_of(added, token, id));
  const auto add = [&](AddedToken token) {
    if (builder.has_added(token.content)) return;
    const auto own_id = added_ids.find(token.content);
    const uint32_t* id = own_id == added_ids.end() ? builder.find(token.content) : &own_id->second;
    if (!id) special.damaged("the special token " + in_quotes(token.content) + " is not in the vocabulary");
    token.id = *id;
    builder.add(std::move(token));
  };
  const json special_json = special.exists() ? special.read_json() : json::object();
  for (const auto& [role, value] : special_json.items()) {
    if (value.is_null()) continue;
    const json objects = value.is_array() ? value : json::array({value});
    for (const json& object : objects) {
      AddedToken token = added_token(special, object);
      token.special = true;
      token.normalized = object.is_object() && flag(special, object, "normalized", false);
      add(std::move(token));
    }
  }
  for (const auto& [content, id] : added_ids) add({.id = id, .content = content, .special = false, .normalized = true});
  if (builder.find(end_of_text)) add({.content = end_of_text});
  std::istringstream lines(merges.read());
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.starts_with("#version")) builder.add_merge(line);
  }
  return builder.build();
}

}  // namespace

std::shared_ptr<const BpeModel> load_tokenizer(const std::string& folder) {
  const File file(folder + "/tokenizer.json");
  if (file.exists()) return load_tokenizer_json(file);
  for (const char* name : {"/vocab.json", "/merges.txt"}) {
    if (File(folder + name).exists()) continue;
    fail(ErrorCode::io, "no tokenizer in " + folder + ": it must hold tokenizer.json, or vocab.json and merges.txt (" +
                            (name + 1) + " is missing): check the path, or train one with aot-tokenize");
  }
  return load_vocab_and_merges(folder);
}

}  // namespace aot
