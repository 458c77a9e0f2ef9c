#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "backend/error.h"
#include "io/atomic_file.h"
#include "tokenizer/bpe_trainer.h"
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
std::string vocabulary_items(const BpeParts& parts, const std::string& separator, const std::string& colon) {
  std::string items;
  for (size_t id = 0; id < parts.vocabulary.size(); id++) {
    if (parts.vocabulary[id].empty()) continue;
    if (!items.empty()) items += ",";
    items += separator + in_quotes(parts.vocabulary[id]) + colon + std::to_string(id);
  }
  return items;
}

std::string tokenizer_json(const BpeParts& parts) {
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
  ordered_json model = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", ""},
                        {"end_of_word_suffix", ""},
                        {"fuse_unk", false},
                        {"byte_fallback", false}};
  if (parts.ignore_merges) model["ignore_merges"] = true;
  const ordered_json root = {{"version", "1.0"},
                             {"truncation", nullptr},
                             {"padding", nullptr},
                             {"added_tokens", added_tokens},
                             {"normalizer", nullptr},
                             {"pre_tokenizer", byte_level(false, true)},
                             {"post_processor", byte_level(true, false)},
                             {"decoder", byte_level(true, true)},
                             {"model", model}};
  // Vocabulary and merges, which may be large, are written straight into the text, before the two closing braces.
  std::string text = root.dump(2);
  text.resize(text.rfind("\n  }"));
  text += ",\n    \"vocab\": {";
  text += vocabulary_items(parts, "\n      ", ": ");
  text += "\n    },\n    \"merges\": [";
  for (size_t rank = 0; rank < parts.merges.size(); rank++) {
    const Merge& merge = parts.merges[rank];
    text += rank == 0 ? "\n      " : ",\n      ";
    text += in_quotes(parts.vocabulary[merge.left] + " " + parts.vocabulary[merge.right]);
  }
  text += parts.merges.empty() ? "]\n  }\n}" : "\n    ]\n  }\n}";
  return text;
}

std::string merges_text(const BpeParts& parts) {
  std::string text = "#version: 0.2\n";
  for (const Merge& merge : parts.merges) {
    text += parts.vocabulary[merge.left] + " " + parts.vocabulary[merge.right] + "\n";
  }
  return text;
}

ordered_json special_tokens_map(const BpeParts& parts) {
  ordered_json map = ordered_json::object(), others = ordered_json::array();
  for (const AddedToken& token : parts.added_tokens) {
    if (token.content == end_of_text) {
      for (const char* role : {"bos_token", "eos_token", "unk_token"}) map[role] = end_of_text;
    } else if (token.special) {
      others.push_back(token.content);
    }
  }
  if (!others.empty()) map["additional_special_tokens"] = others;
  return map;
}

}  // namespace

void save_tokenizer(const BpeModel& model, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorCode::io, "cannot make the folder " + folder + ": " + error.message());
  const BpeParts& parts = model.parts();
  const ordered_json special = special_tokens_map(parts);
  ordered_json config = {
      {"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", false}, {"clean_up_tokenization_spaces", false}};
  config.update(special);
  write_file(folder + "/vocab.json", std::string("{").append(vocabulary_items(parts, "", ":")).append("}"));
  write_file(folder + "/merges.txt", merges_text(parts));
  write_file(folder + "/special_tokens_map.json", special.dump(2) + "\n");
  write_file(folder + "/tokenizer_config.json", config.dump(2) + "\n");
  write_file(folder + "/tokenizer.json", tokenizer_json(parts));
}

}  // namespace aot
