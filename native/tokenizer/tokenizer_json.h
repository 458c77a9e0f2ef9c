// defines: aot::load_tokenizer, aot::save_tokenizer
#pragma once
#include <memory>
#include <string>

#include "tokenizer/bpe_model.h"

namespace aot {

// Reads a folder in Hugging Face's form: tokenizer.json (merges as "a b" or as ["a", "b"]), or without that file
// vocab.json and merges.txt, with the special tokens of special_tokens_map.json and added_tokens.json. Only GPT-2's
// byte-level BPE is read: AOT_DATA names the feature or the fault that stands against it, AOT_IO the file that is
// missing or cannot be read.
std::shared_ptr<const BpeModel> load_tokenizer(const std::string& folder);

// Writes the folder, made if need be: vocab.json, merges.txt, special_tokens_map.json, tokenizer_config.json, and last
// tokenizer.json, with merges as "a b", in the bytes of Python's json.dumps(..., ensure_ascii=False, indent=2).
void save_tokenizer(const BpeModel& model, const std::string& folder);

}  // namespace aot
