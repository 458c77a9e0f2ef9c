#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "backend/error.h"
#include "io/atomic_file.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/char_model.h"
#include "tokenizer/tokenizer_json.h"

namespace aot {
namespace {

using nlohmann::ordered_json;

std::string in_quotes(const std::string& text) { return ordered_json(text).dump(); }

void write_file(const std::string& path, const std::string& content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

ordered_json byte_level(bool add_prefix_space, bool trim_offsets) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", true}};
}

// The tokens of the vocabulary with their ids, each as separator "token": id.
std::string vocabulary_items(const TokenizerParts& parts, const std::string& separator, const std::string& colon) {
  std::string items;
  for (size_t id = 0; id < parts.vocabulary.size(); id++) {
    if (parts.vocabulary[id].empty()) continue;
    if (!items.empty()) items += ",";
    items += separator + in_quotes(parts.vocabulary[id]) + colon + std::to_string(id);
  }
  return items;
}

// tokenizer.json as far as all kinds have the same, up to the members of the model that follow `model`.
std::string tokenizer_json_start(const TokenizerParts& parts, const ordered_json& pre_tokenizer,
                                 const ordered_json& post_processor, const ordered_json& decoder,
                                 const ordered_json& model) {
  ordered_json added_tokens = ordered_json::array();
  for (const AddedToken& token : parts.added_tokens) {
    added_tokens.push_back({{"id", token.id},
                            {"content", token.content},
                            {"single_word", false},
                            {"lstrip", token.lstrip},
                            {"rstrip", token.rstrip},
                            {"normalized", token.normalized},
                            {"special", token.special}});
  }
  const ordered_json root = {{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", added_tokens},
                             {"normalizer", nullptr},
                             {"pre_tokenizer", pre_tokenizer},
                             {"post_processor", post_processor},
                             {"decoder", decoder},
                             {"model", model}};
  // Vocabulary and merges, which may be large, are written straight into the text, before the two closing braces.
  std::string text = root.dump(2);
  text.resize(text.rfind("\n  }"));
  text += ",\n    \"vocab\": {";
  text += vocabulary_items(parts, "\n      ", ": ");
  text += "\n    },\n";
  return text;
}

// Whether "left right" can be read again. Only tokens outside the byte alphabet hold white space, which no text is
// merged to; a file from elsewhere may have them.
bool fits_a_line(const BpeParts& parts, const Merge& merge) {
  constexpr const char* white = " \n\r";
  return parts.vocabulary[merge.left].find_first_of(white) == std::string::npos &&
         parts.vocabulary[merge.right].find_first_of(white) == std::string::npos;
}

std::string tokenizer_json(const BpeParts& parts) {
  ordered_json model = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", ""},
                        {"end_of_word_suffix", ""},
                        {"fuse_unk", false},
                        {"byte_fallback", false}};
  if (parts.ignore_merges) model["ignore_merges"] = true;
  std::string text =
      tokenizer_json_start(parts, byte_level(false, true), byte_level(true, false), byte_level(true, true), model);
  text += "    \"merges\": [";
  const bool as_pairs = !std::all_of(parts.merges.begin(), parts.merges.end(),
                                     [&](const Merge& merge) { return fits_a_line(parts, merge); });
  for (size_t rank = 0; rank < parts.merges.size(); rank++) {
    const std::string &left = parts.vocabulary[parts.merges[rank].left],
                      &right = parts.vocabulary[parts.merges[rank].right];
    text += rank == 0 ? "\n      " : ",\n      ";
    if (as_pairs) {
      text += "[\n        " + in_quotes(left) + ",\n        " + in_quotes(right) + "\n      ]";
    } else {
      text += in_quotes(left + " " + right);
    }
  }
  text += parts.merges.empty() ? "]\n  }\n}" : "\n    ]\n  }\n}";
  return text;
}

std::string merges_text(const BpeParts& parts) {
  std::string text = "#version: 0.2\n";
  for (const Merge& merge : parts.merges) {
    if (!fits_a_line(parts, merge)) continue;
    text += parts.vocabulary[merge.left] + " " + parts.vocabulary[merge.right] + "\n";
  }
  return text;
}

std::string tokenizer_json(const CharParts& parts) {
  const ordered_json split = {
      {"type", "Split"}, {"pattern", {{"Regex", every_character}}}, {"behavior", "Isolated"}, {"invert", false}};
  std::string text = tokenizer_json_start(parts, split, nullptr, {{"type", "Fuse"}}, {{"type", "WordLevel"}});
  return text + "    \"unk_token\": " + in_quotes(parts.unknown) + "\n  }\n}";
}

// `unknown`: the token of that role.
ordered_json special_tokens_map(const TokenizerParts& parts, const std::string& unknown) {
  ordered_json map = ordered_json::object(), others = ordered_json::array();
  for (const AddedToken& token : parts.added_tokens) {
    if (token.content == end_of_text) {
      for (const char* role : {"bos_token", "eos_token"}) map[role] = end_of_text;
    }
    if (token.content == unknown) {
      map["unk_token"] = unknown;
    } else if (token.special && token.content != end_of_text) {
      others.push_back(token.content);
    }
  }
  if (!others.empty()) map["additional_special_tokens"] = others;
  return map;
}

// Tokens past the vocabulary with their ids, for readers of vocab.json; empty where there are none.
ordered_json added_past_vocabulary(const TokenizerParts& parts) {
  ordered_json ids = ordered_json::object();
  for (const AddedToken& token : parts.added_tokens) {
    const bool in_vocabulary = token.id < parts.vocabulary.size() && !parts.vocabulary[token.id].empty();
    if (!in_vocabulary) ids[token.content] = token.id;
  }
  return ids;
}

void remove_file(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) fail(ErrorCode::io, "cannot remove " + path + ": " + error.message());
}

// The files that only a BPE tokenizer has: those of vocab.json's readers.
void save_bpe_files(const BpeParts& parts, const std::string& folder) {
  write_file(folder + "/vocab.json", std::string("{").append(vocabulary_items(parts, "", ":")).append("}"));
  write_file(folder + "/merges.txt", merges_text(parts));
  const ordered_json added = added_past_vocabulary(parts);
  if (added.empty()) {
    remove_file(folder + "/added_tokens.json");
  } else {
    write_file(folder + "/added_tokens.json", added.dump(2) + "\n");
  }
}

}  // namespace

void save_tokenizer(const TokenizerModel& model, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorCode::io, "cannot make the folder " + folder + ": " + error.message());
  const auto* bpe = dynamic_cast<const BpeModel*>(&model);
  const auto* chars = dynamic_cast<const CharModel*>(&model);
  const ordered_json special = special_tokens_map(model.parts(), bpe ? end_of_text : chars->parts().unknown);
  ordered_json config = ordered_json::object();
  if (bpe) {
    save_bpe_files(bpe->parts(), folder);
    config = {{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", false}};
  } else {
    for (const char* name : {"/vocab.json", "/merges.txt", "/added_tokens.json"}) remove_file(folder + name);
    config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  }
  config["clean_up_tokenization_spaces"] = false;
  config.update(special);
  write_file(folder + "/special_tokens_map.json", special.dump(2) + "\n");
  write_file(folder + "/tokenizer_config.json", config.dump(2) + "\n");
  write_file(folder + "/tokenizer.json", bpe ? tokenizer_json(bpe->parts()) : tokenizer_json(chars->parts()));
}

}  // namespace aot
