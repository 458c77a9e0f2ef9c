// defines: aot::load_tokenizer, aot::save_tokenizer, aot::every_character
#pragma once
#include <memory>
#include <string>

#include "tokenizer/tokenizer_model.h"

namespace aot {

// Of a character-level tokenizer.json: WordLevel after a Split at this expression. Alike in Rust's and JavaScript's.
inline constexpr const char* every_character = "[\\s\\S]";

// Reads a folder in Hugging Face's form: tokenizer.json (merges as "a b" or as ["a", "b"]), or without that file
// vocab.json and merges.txt, with the special tokens of special_tokens_map.json and added_tokens.json. Only GPT-2's
// byte-level BPE and character-level tokenizers are read: AOT_DATA names the feature or the fault that stands against
// it, AOT_IO the file that is missing or cannot be read.
std::shared_ptr<const TokenizerModel> load_tokenizer(const std::string& folder);

// Writes the folder, made if need be: of BPE vocab.json, merges.txt and, where tokens were added, added_tokens.json;
// special_tokens_map.json, tokenizer_config.json, and last tokenizer.json, with merges as "a b" (as ["a", "b"]
// where a token holds white space; merges.txt leaves such a merge out), in the bytes of Python's json.dumps(...,
// ensure_ascii=False, indent=2). Files of another tokenizer that it does not replace go.
void save_tokenizer(const TokenizerModel& model, const std::string& folder);

}  // namespace aot
