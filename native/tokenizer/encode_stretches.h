// defines: aot::Encoders, aot::EncodedText, aot::encode_stretches
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/token_writer.h"
#include "io/digest.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/tokenizer_model.h"
#include "tokenizer/work_control.h"

namespace aot {

// An encoder a thread, made when first used; what they remember of pieces serves the next text as well.
class Encoders {
 public:
  Encoders(std::shared_ptr<const TokenizerModel> model, int threads)
      : model_(std::move(model)), encoders_(static_cast<size_t>(threads)) {}
  const TokenizerModel& model() const { return *model_; }
  int threads() const { return static_cast<int>(encoders_.size()); }
  TextEncoder& of(int thread) {
    std::unique_ptr<TextEncoder>& encoder = encoders_[static_cast<size_t>(thread)];
    if (!encoder) encoder = model_->make_encoder();
    return *encoder;
  }

 private:
  std::shared_ptr<const TokenizerModel> model_;
  std::vector<std::unique_ptr<TextEncoder>> encoders_;
};

struct EncodedText {
  TextReport text;
  int64_t tokens = 0;
  uint64_t words = 0;  // pieces, or characters
};

// Appends the ids of the stretches to `writer`, one after the other with nothing between them. The ids depend neither
// on the number of encoders nor on `chunk_bytes`. `digest`: of the bytes read, or null. AOT_DATA naming the file when a
// character has no id, else as TextReader and TokenWriter.
EncodedText encode_stretches(Encoders& encoders, std::vector<TextStretch> stretches, TokenWriter& writer,
                             const WorkControl& control, Digest* digest = nullptr,
                             size_t chunk_bytes = TextReader::default_chunk_bytes);

}  // namespace aot
