// defines: aot::TrainFilesResult, aot::train_files, aot::train_char_files,
// aot::EncodeFilesResult, aot::encode_files, aot::fail_no_text
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/token_writer.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/tokenizer_model.h"
#include "tokenizer/work_control.h"

namespace aot {

struct TrainFilesResult {
  std::shared_ptr<const TokenizerModel> model;
  TextReport text;
  uint64_t words;        // distinct pieces of the pre-tokenizer, or characters
  uint64_t occurrences;  // of them
};

// Trains a tokenizer of up to `vocab_size` tokens (fewer when the text has no more pairs to merge) on the files, each a
// text of its own. Memory grows with the distinct words. The result depends neither on `threads` nor on `chunk_bytes`.
// AOT_DATA when there is no text, AOT_IO when a file cannot be read.
TrainFilesResult train_files(const std::vector<std::string>& files, int vocab_size, int threads,
                             const WorkControl& control, size_t chunk_bytes = TextReader::default_chunk_bytes);

// Makes a character-level tokenizer of the files' characters; with `unknown` it has a token for others.
TrainFilesResult train_char_files(const std::vector<std::string>& files, bool unknown, int threads,
                                  const WorkControl& control, size_t chunk_bytes = TextReader::default_chunk_bytes);

struct EncodeFilesResult {
  TextReport text;
  int64_t tokens;
  TokenDType dtype;
};

// Writes the ids of the files, one after the other with nothing between them, to `out` (HDF5, dataset `tokens`), whole
// or not at all. Without `dtype`: uint16 when every id of the tokenizer fits, else int32. The file does not depend on
// `threads` or `chunk_bytes`. AOT_CONFIG when the ids do not fit `dtype`, AOT_DATA naming the file when a character has
// no id, else as train_files.
EncodeFilesResult encode_files(std::shared_ptr<const TokenizerModel> model, const std::vector<std::string>& files,
                               const std::string& out, int threads, std::optional<TokenDType> dtype,
                               const WorkControl& control, size_t chunk_bytes = TextReader::default_chunk_bytes);

// Throws AOT_DATA that says that there is nothing to tokenize.
[[noreturn]] void fail_no_text(const TextReport& report);

}  // namespace aot
