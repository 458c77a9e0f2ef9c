#include "tokenizer/encode_stretches.h"

#include <string>
#include <string_view>
#include <utility>

#include "backend/error.h"
#include "tokenizer/chunk_pipeline.h"

namespace aot {

EncodedText encode_stretches(Encoders& encoders, std::vector<TextStretch> stretches, TokenWriter& writer,
                             const WorkControl& control, Digest* digest, size_t chunk_bytes) {
  const TokenizerModel& model = encoders.model();
  TextReader reader(std::move(stretches), model.parts().added_tokens, model.cut_at(), chunk_bytes, control, digest);
  std::vector<uint64_t> words(static_cast<size_t>(encoders.threads()));
  const int64_t tokens_before = writer.length();
  encode_in_order(
      reader, encoders.threads(),
      [&](int thread, const std::string& file, std::string_view chunk, std::vector<int32_t>& ids) {
        TextEncoder& encoder = encoders.of(thread);
        const uint64_t words_before = encoder.words();
        try {
          encoder.encode_with_added_tokens(chunk, ids);
        } catch (const Error& error) {
          fail(error.code(), file + ": " + error.what());
        }
        const uint64_t chunk_words = encoder.words() - words_before;
        words[static_cast<size_t>(thread)] += chunk_words;
        control.add_tokens(ids.size(), chunk_words);
      },
      [&](const std::vector<int32_t>& ids) { writer.append(ids.data(), ids.size()); });
  control.check_stop();
  EncodedText encoded{reader.report(), writer.length() - tokens_before};
  for (const uint64_t count : words) encoded.words += count;
  return encoded;
}

}  // namespace aot
