#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "backend/error.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/char_model.h"
#include "tokenizer/tokenizer_file.h"

namespace aot {
namespace {

using nlohmann::json;

bool is_byte_level(const json& component) { return component.is_object() && type_of(component) == "ByteLevel"; }

// What no kind of tokenizer may have.
void check_absent(const TokenizerFile& file, const json& root) {
  for (const char* key : {"truncation", "padding", "normalizer"}) {
    const json& value = member(root, key);
    if (!value.is_null()) file.unsupported("a " + std::string(key) + " (" + type_of(value) + ")");
  }
  if (member(root, "pre_tokenizer").is_null()) file.unsupported("a tokenizer without a pre_tokenizer");
  if (member(root, "decoder").is_null()) file.unsupported("a tokenizer without a decoder");
}

// Everything beside vocabulary and merges must be what GPT-2's tokenizer has.
void check_byte_level(const TokenizerFile& file, const json& root) {
  const json& pre_tokenizer = member(root, "pre_tokenizer");
  if (!is_byte_level(pre_tokenizer)) file.unsupported("the pre_tokenizer " + type_of(pre_tokenizer));
  if (flag(file, pre_tokenizer, "add_prefix_space", true)) file.unsupported("add_prefix_space in the pre_tokenizer");
  if (!flag(file, pre_tokenizer, "use_regex", true)) file.unsupported("use_regex false in the pre_tokenizer");
  const json& post_processor = member(root, "post_processor");
  if (!post_processor.is_null() && !is_byte_level(post_processor)) {
    file.unsupported("the post_processor " + type_of(post_processor));
  }
  const json& decoder = member(root, "decoder");
  if (!is_byte_level(decoder)) file.unsupported("the decoder " + type_of(decoder));
}

// A word-level tokenizer is a character-level one when every character is a word and decoding joins them without
// spaces.
void check_char_level(const TokenizerFile& file, const json& root) {
  const json &pre_tokenizer = member(root, "pre_tokenizer"), &decoder = member(root, "decoder");
  // All that match every character in Hugging Face's regular expressions; the first is the one that is written.
  static const std::array patterns = {json{{"Regex", every_character}}, json{{"Regex", "(?m:.)"}},
                                      json{{"String", ""}}};
  const bool splits_all =
      type_of(pre_tokenizer) == "Split" && member(pre_tokenizer, "behavior") == "Isolated" &&
      member(pre_tokenizer, "invert") == false &&
      std::find(patterns.begin(), patterns.end(), member(pre_tokenizer, "pattern")) != patterns.end();
  if (!splits_all) {
    file.unsupported("a WordLevel model whose pre_tokenizer (" + type_of(pre_tokenizer) +
                     ") does not split at every character");
  }
  const json& post_processor = member(root, "post_processor");
  if (!post_processor.is_null()) file.unsupported("the post_processor " + type_of(post_processor));
  if (type_of(decoder) != "Fuse") file.unsupported("the decoder " + type_of(decoder) + " of a WordLevel model");
}

void check_bpe(const TokenizerFile& file, const json& model) {
  const json& dropout = member(model, "dropout");
  if (!dropout.is_null() && dropout != 0) file.unsupported("dropout in the model");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json& value = member(model, key);
    if (!value.is_null() && value != "") file.unsupported("a " + std::string(key) + " in the model");
  }
}

// Puts the pieces of one tokenizer together; its faults are those of `vocabulary_file` and `merges_file`.
class Builder {
 public:
  Builder(const TokenizerFile& vocabulary_file, const TokenizerFile& merges_file)
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

  std::shared_ptr<const TokenizerModel> build() {
    place_tokens();
    return make<BpeModel>(std::move(parts_));
  }
  std::shared_ptr<const TokenizerModel> build_char(std::string unknown) {
    for (const AddedToken& added : parts_.added_tokens) {
      // A cut of the text would part such a token from its white space.
      if (!added.lstrip && !added.rstrip) continue;
      vocabulary_file_.unsupported("lstrip or rstrip of the added token " + in_quotes(added.content) +
                                   " of a WordLevel model");
    }
    place_tokens();
    CharParts parts;
    static_cast<TokenizerParts&>(parts) = std::move(parts_);
    parts.unknown = std::move(unknown);
    return make<CharModel>(std::move(parts));
  }

 private:
  void place_tokens() {
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
  }

  template <class Model, class Parts>
  std::shared_ptr<const TokenizerModel> make(Parts parts) const {
    try {
      return std::make_shared<Model>(std::move(parts));
    } catch (const Error& error) {
      vocabulary_file_.damaged(error.what());
    }
  }

  const TokenizerFile &vocabulary_file_, &merges_file_;
  std::unordered_map<std::string, uint32_t> ids_;
  BpeParts parts_;
};

void read_tokens(const TokenizerFile& file, const json& root, Builder& builder) {
  builder.set_vocabulary(member(member(root, "model"), "vocab"));
  const json& added_tokens = member(root, "added_tokens");
  if (!added_tokens.is_array() && !added_tokens.is_null()) file.damaged("\"added_tokens\" is not a list");
  for (const json& object : added_tokens) {
    AddedToken token = added_token_of(file, object);
    token.id = id_of(file, token.content, object.is_object() ? member(object, "id") : json());
    builder.add(std::move(token));
  }
}

std::shared_ptr<const TokenizerModel> load_tokenizer_json(const TokenizerFile& file) {
  const json root = file.read_json();
  const json& model = member(root, "model");
  if (!model.is_object()) file.damaged("\"model\" is missing or not an object");
  const json& type = member(model, "type");
  const bool char_level = type == "WordLevel";
  if (!type.is_null() && type != "BPE" && !char_level) file.unsupported("the model " + type_of(model));
  check_absent(file, root);
  Builder builder(file, file);
  if (char_level) {
    check_char_level(file, root);
    read_tokens(file, root, builder);
    const json& unknown = member(model, "unk_token");
    if (!unknown.is_string()) file.damaged("the model has no \"unk_token\"");
    return builder.build_char(unknown.get<std::string>());
  }
  check_bpe(file, model);
  check_byte_level(file, root);
  read_tokens(file, root, builder);
  builder.set_ignore_merges(flag(file, model, "ignore_merges", false));
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
std::shared_ptr<const TokenizerModel> load_vocab_and_merges(const std::string& folder) {
  const TokenizerFile vocabulary(folder + "/vocab.json"), merges(folder + "/merges.txt");
  const TokenizerFile added(folder + "/added_tokens.json"), special(folder + "/special_tokens_map.json");
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
  const auto add_special = [&](const json& object) {
    AddedToken token = added_token_of(special, object);
    token.special = true;
    token.normalized = object.is_object() && flag(special, object, "normalized", false);
    add(std::move(token));
  };
  for (const auto& [role, value] : special_json.items()) {
    if (value.is_array()) {
      for (const json& object : value) add_special(object);
    } else if (!value.is_null()) {
      add_special(value);
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

std::shared_ptr<const TokenizerModel> load_tokenizer(const std::string& folder) {
  const TokenizerFile file(folder + "/tokenizer.json");
  if (file.exists()) return load_tokenizer_json(file);
  for (const char* name : {"/vocab.json", "/merges.txt"}) {
    if (TokenizerFile(folder + name).exists()) continue;
    fail(ErrorCode::io, "no tokenizer in " + folder + ": it must hold tokenizer.json, or vocab.json and merges.txt (" +
                            (name + 1) + " is missing): check the path, or train one with aot-tokenize");
  }
  return load_vocab_and_merges(folder);
}

}  // namespace aot
