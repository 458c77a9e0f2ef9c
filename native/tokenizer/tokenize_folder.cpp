#include "tokenizer/tokenize_folder.h"

#include <utility>

#include "backend/error.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/character_set.h"
#include "tokenizer/chunk_pipeline.h"
#include "tokenizer/encode_stretches.h"
#include "tokenizer/encode_units.h"
#include "tokenizer/stop_relay.h"
#include "tokenizer/text_stretch.h"

namespace aot {
namespace {

std::vector<TextStretch> open_files(const std::vector<std::string>& files, const WorkControl& control) {
  std::vector<TextStretch> stretches = whole_files(files);
  control.set_total(bytes_of(stretches));
  return stretches;
}

// What the texts hold, counted by a Counts (add_text, merge, occurrences) of each thread.
template <class Counts>
Counts count_all(TextReader& reader, int threads, const WorkControl& control) {
  std::vector<std::unique_ptr<Counts>> counts(static_cast<size_t>(threads));
  for_each_chunk(reader, threads, [&](int worker, std::string_view chunk) {
    std::unique_ptr<Counts>& own = counts[static_cast<size_t>(worker)];
    if (!own) own = std::make_unique<Counts>();
    own->add_text(chunk);
  });
  Counts all;
  for (std::unique_ptr<Counts>& part : counts) {
    control.check_stop();
    if (part && all.occurrences() == 0) {
      std::swap(all, *part);
    } else if (part) {
      all.merge(*part);
    }
    part.reset();
  }
  if (all.occurrences() == 0) fail_no_text(reader.report());
  return all;
}

}  // namespace

void fail_no_text(const TextReport& report) {
  const std::string where = report.files == 1 ? "the file holds" : "the files hold";
  const std::string invalid = report.invalid_bytes > 0 ? " (only bytes that are not UTF-8)" : "";
  fail(ErrorCode::data, "there is no text to tokenize: " + where + " none" + invalid + "; give files with UTF-8 text");
}

TrainFilesResult train_files(const std::vector<std::string>& files, int vocab_size, int threads,
                             const WorkControl& control, size_t chunk_bytes) {
  TextReader reader(open_files(files, control), {}, CutAt::pieces, chunk_bytes, control);
  WordCounts words = count_all<WordCounts>(reader, threads, control);
  const StopRelay stop(control);
  TrainFilesResult result{nullptr, reader.report(), words.words(), words.occurrences()};
  result.model = train_bpe(std::move(words), vocab_size, stop.flag());
  control.check_stop();
  return result;
}

TrainFilesResult train_char_files(const std::vector<std::string>& files, bool unknown, int threads,
                                  const WorkControl& control, size_t chunk_bytes) {
  TextReader reader(open_files(files, control), {}, CutAt::characters, chunk_bytes, control);
  const CharacterSet text = count_all<CharacterSet>(reader, threads, control);
  return {make_char_model(text, unknown), reader.report(), text.characters().size(), text.occurrences()};
}

EncodeFilesResult encode_files(std::shared_ptr<const TokenizerModel> model, const std::vector<std::string>& files,
                               const std::string& out, int threads, std::optional<TokenDType> dtype,
                               const WorkControl& control, size_t chunk_bytes) {
  if (!dtype) dtype = smallest_dtype(*model);
  check_ids_fit(*model, *dtype);
  std::vector<TextStretch> stretches = open_files(files, control);
  Encoders encoders(std::move(model), threads);
  TokenWriter writer(out, *dtype);
  const EncodedText encoded = encode_stretches(encoders, std::move(stretches), writer, control, nullptr, chunk_bytes);
  if (encoded.tokens == 0) fail_no_text(encoded.text);
  writer.commit();
  return {encoded.text, encoded.tokens, *dtype};
}

}  // namespace aot
