// Any bytes as a file of word counts are refused with an aot::Error or read; what is read is written and read again.
//
// The digest of an input that ends with a line feed is put right, so that mutations get past it.
#include "tokenizer/count_file.h"

#include "backend/error.h"
#include "io/digest.h"
#include "support.h"

namespace aot::fuzz {
namespace {

constexpr const char* plan = "plan";

struct Counts {
  CountSummary summary;
  std::vector<std::pair<std::string, uint64_t>> words;
};

bool read(const std::string& path, Counts& counts) {
  try {
    counts.summary = read_count_file(
        path, plan, [&](std::string_view word, uint64_t count) { counts.words.emplace_back(word, count); });
    return true;
  } catch (const Error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos, "an error is one line");
    require(error.code() == ErrorCode::data || error.code() == ErrorCode::io, "it is the file's fault");
    return false;
  }
}

bool same(const CountSummary& a, const CountSummary& b) {
  return a.plan == b.plan && a.unit == b.unit && a.kind == b.kind && a.text.files == b.text.files &&
         a.text.bytes == b.text.bytes && a.text.invalid_bytes == b.text.invalid_bytes &&
         a.text.cut_pieces == b.text.cut_pieces && a.occurrences == b.occurrences;
}

void check(const std::string& bytes) {
  static const Folder folder;
  folder.write("input.counts", bytes);
  Counts counts, again;
  if (!read(folder.file("input.counts"), counts)) return;
  CountFileWriter writer(folder.file("again.counts"));
  for (const auto& [word, count] : counts.words) writer.add(word, count);
  writer.commit(counts.summary);
  require(read(folder.file("again.counts"), again), "what was written is read");
  require(counts.words == again.words && same(counts.summary, again.summary), "as it was");
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t digest_line = 33;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > digest_line && data[size - 1] == '\n') {
    bytes.resize(size - digest_line);
    bytes += aot::digest_of(bytes) + "\n";
  }
  aot::fuzz::check(bytes);
  return 0;
}
