#include "tokenizer/tokenize_folder.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "backend/error.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/character_set.h"
#include "tokenizer/chunk_pipeline.h"

namespace aot {
namespace {

// Carries the stop word of a WorkControl over to the flag that the trainer looks at, on a thread of its own.
class StopRelay {
 public:
  explicit StopRelay(const WorkControl& control)
      : thread_([this, control] {
          std::unique_lock lock(mutex_);
          while (!ended_.wait_for(lock, std::chrono::milliseconds(20), [this] { return end_; })) {
            if (control.stopped()) stop_ = true;
          }
        }) {}
  ~StopRelay() {
    {
      std::lock_guard lock(mutex_);
      end_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  StopRelay(const StopRelay&) = delete;
  StopRelay& operator=(const StopRelay&) = delete;

  std::atomic<bool>* flag() { return &stop_; }

 private:
  std::atomic<bool> stop_ = false;
  bool end_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::thread thread_;  // last: it uses the others
};

[[noreturn]] void fail_no_text(const TextReport& report) {
  const std::string where = report.files == 1 ? "the file holds" : "the files hold";
  const std::string invalid = report.invalid_bytes > 0 ? " (only bytes that are not UTF-8)" : "";
  fail(ErrorCode::data, "there is no text to tokenize: " + where + " none" + invalid + "; give files with UTF-8 text");
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

TrainFilesResult train_files(const std::vector<std::string>& files, int vocab_size, int threads,
                             const WorkControl& control, size_t chunk_bytes) {
  TextReader reader(files, {}, CutAt::pieces, chunk_bytes, control);
  const WordCounts words = count_all<WordCounts>(reader, threads, control);
  StopRelay stop(control);
  TrainFilesResult result{nullptr, reader.report(), words.words(), words.occurrences()};
  result.model = train_bpe(words, vocab_size, stop.flag());
  control.check_stop();
  return result;
}

TrainFilesResult train_char_files(const std::vector<std::string>& files, bool unknown, int threads,
                                  const WorkControl& control, size_t chunk_bytes) {
  TextReader reader(files, {}, CutAt::characters, chunk_bytes, control);
  const CharacterSet text = count_all<CharacterSet>(reader, threads, control);
  return {make_char_model(text, unknown), reader.report(), text.characters().size(), text.occurrences()};
}

EncodeFilesResult encode_files(std::shared_ptr<const TokenizerModel> model, const std::vector<std::string>& files,
                               const std::string& out, int threads, std::optional<TokenDType> dtype,
                               const WorkControl& control, size_t chunk_bytes) {
  constexpr int64_t uint16_ids = 65536;
  const int64_t ids = static_cast<int64_t>(model->vocab_size());
  if (!dtype) dtype = ids <= uint16_ids ? TokenDType::uint16 : TokenDType::int32;
  if (*dtype == TokenDType::uint16 && ids > uint16_ids) {
    fail(ErrorCode::config, "uint16 holds ids below " + std::to_string(uint16_ids) + ", the tokenizer has " +
                                std::to_string(ids) + ": use the dtype int32 or auto");
  }
  TextReader reader(files, model->parts().added_tokens, model->cut_at(), chunk_bytes, control);
  std::vector<std::unique_ptr<TextEncoder>> encoders(static_cast<size_t>(threads));
  TokenWriter writer(out, *dtype);
  encode_in_order(
      reader, threads,
      [&](int worker, const std::string& file, std::string_view chunk, std::vector<int32_t>& chunk_ids) {
        std::unique_ptr<TextEncoder>& own = encoders[static_cast<size_t>(worker)];
        if (!own) own = model->make_encoder();
        try {
          own->encode_with_added_tokens(chunk, chunk_ids);
        } catch (const Error& error) {
          fail(error.code(), file + ": " + error.what());
        }
      },
      [&](const std::vector<int32_t>& chunk_ids) { writer.append(chunk_ids.data(), chunk_ids.size()); });
  control.check_stop();
  if (writer.length() == 0) fail_no_text(reader.report());
  const int64_t tokens = writer.length();
  writer.commit();
  return {reader.report(), tokens, *dtype};
}

}  // namespace aot
