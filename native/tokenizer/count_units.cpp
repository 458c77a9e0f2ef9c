#include "tokenizer/count_units.h"

#include <memory>

#include "backend/error.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/character_set.h"
#include "tokenizer/stop_relay.h"
#include "tokenizer/utf8.h"
#include "tokenizer/word_counts.h"

namespace aot {
namespace {

// Of a thread's table: what it holds is written out then, and it starts anew. About 64 MB.
constexpr uint64_t most_words = 600'000, most_word_bytes = 32 << 20;

class WordCounter {
 public:
  void add(std::string_view text, CountFileWriter& file) {
    counts_.add_text(text);
    if (counts_.words() > most_words || counts_.word_bytes() > most_word_bytes) write(file);
  }
  // Number of words that were written since the last call of finish().
  uint64_t finish(CountFileWriter& file) {
    write(file);
    return std::exchange(occurrences_, 0);
  }

 private:
  void write(CountFileWriter& file) {
    counts_.each([&](std::string_view word, uint64_t count) { file.add(word, count); });
    occurrences_ += counts_.occurrences();
    counts_.clear();
  }
  WordCounts counts_;
  uint64_t occurrences_ = 0;
};

class CharacterCounter {
 public:
  void add(std::string_view text, CountFileWriter&) { characters_.add_text(text); }
  uint64_t finish(CountFileWriter& file) {
    std::string character;
    for (const uint32_t code_point : characters_.characters()) {
      character.clear();
      append_utf8(character, code_point);
      file.add(character, 1);
    }
    return std::exchange(characters_, {}).occurrences();
  }

 private:
  CharacterSet characters_;
};

template <class Counter>
void count_each(const std::vector<WorkUnit>& units, const UnitFolder& folder, CountKind kind, int threads,
                const WorkControl& control) {
  std::vector<std::unique_ptr<Counter>> counters(static_cast<size_t>(threads));
  for_each_unit(units, threads, [&](int worker, const WorkUnit& unit) {
    std::unique_ptr<Counter>& counter = counters[static_cast<size_t>(worker)];
    if (!counter) counter = std::make_unique<Counter>();
    TextReader reader(unit.stretches, {}, kind == CountKind::words ? CutAt::pieces : CutAt::characters,
                      TextReader::default_chunk_bytes, control);
    CountFileWriter file(folder.file(unit.number, "counts"));
    std::string chunk;
    while (reader.next(chunk)) counter->add(chunk, file);
    const uint64_t occurrences = counter->finish(file);
    file.commit({folder.plan, unit.number, kind, reader.report(), occurrences});
  });
}

// Reads all files; what they are of.
template <class Visit>
TrainFilesResult read_all(const std::vector<std::string>& files, const std::string& plan, CountKind kind,
                          const WorkControl& control, Visit visit) {
  TrainFilesResult result{};
  for (const std::string& path : files) {
    control.check_stop();
    const CountSummary summary = read_count_file(path, plan, visit);
    if (summary.kind != kind) fail(ErrorCode::data, path + " does not hold what this tokenizer counts: delete it");
    result.text.files += summary.text.files;
    result.text.bytes += summary.text.bytes;
    result.text.invalid_bytes += summary.text.invalid_bytes;
    result.text.cut_pieces += summary.text.cut_pieces;
    result.occurrences += summary.occurrences;
  }
  if (result.occurrences == 0) fail_no_text(result.text);
  return result;
}

}  // namespace

void count_units(const std::vector<WorkUnit>& units, const UnitFolder& folder, CountKind kind, int threads,
                 const WorkControl& control) {
  if (kind == CountKind::words) {
    count_each<WordCounter>(units, folder, kind, threads, control);
  } else {
    count_each<CharacterCounter>(units, folder, kind, threads, control);
  }
}

TrainFilesResult train_counts(const std::vector<std::string>& files, const std::string& plan, int vocab_size,
                              const WorkControl& control) {
  WordCounts words;
  TrainFilesResult result = read_all(files, plan, CountKind::words, control,
                                     [&](std::string_view word, uint64_t count) { words.add_word(word, count); });
  result.words = words.words();
  const StopRelay stop(control);
  result.model = train_bpe(std::move(words), vocab_size, stop.flag());
  control.check_stop();
  return result;
}

TrainFilesResult train_char_counts(const std::vector<std::string>& files, const std::string& plan, bool unknown,
                                   const WorkControl& control) {
  CharacterSet characters;
  TrainFilesResult result = read_all(files, plan, CountKind::characters, control,
                                     [&](std::string_view character, uint64_t) { characters.add_text(character); });
  result.words = characters.characters().size();
  result.model = make_char_model(characters, unknown);
  return result;
}

}  // namespace aot
