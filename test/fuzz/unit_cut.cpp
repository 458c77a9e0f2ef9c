// Wherever UnitCutter lets a file be cut, the two parts, cleaned and encoded one after the other, have the ids of the
// whole; and it finds the same cuts when it reads the file itself.
#include "tokenizer/unit_cut.h"

#include "support.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizers.h"

namespace aot::fuzz {
namespace {

std::string cleaned(std::string_view bytes, bool first) {
  std::string text(bytes.size(), '\0');
  size_t written = 0;
  TextCleaner(first).clean(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), true,
                           reinterpret_cast<uint8_t*>(text.data()), written);
  text.resize(written);
  return text;
}

void check(const std::string& bytes, Random random) {
  static const Folder folder;
  folder.write("input.txt", bytes);
  const InputFile file(folder.file("input.txt"));
  for (const Tokenizer& tokenizer : tokenizers()) {
    const UnitCutter cutter(tokenizer.model->parts().added_tokens, tokenizer.model->cut_at());
    std::vector<size_t> cuts;
    for (size_t at = 0; at <= bytes.size(); at++) {
      if (cutter.may_cut(bytes, at)) cuts.push_back(at);
    }
    const std::vector<int32_t> whole = encode(tokenizer, cleaned(bytes, true));
    for (int i = 0; i < 4 && !cuts.empty(); i++) {
      const size_t cut = cuts[random.below(cuts.size())];
      std::vector<int32_t> ids = encode(tokenizer, cleaned(bytes.substr(0, cut), true));
      tokenizer.encoder->encode_with_added_tokens(cleaned(bytes.substr(cut), false), ids);
      require(ids == whole, "the parts have the ids of the whole");
    }
    const size_t from = 1 + random.below(bytes.size());
    const auto next = std::lower_bound(cuts.begin(), cuts.end(), from);
    const size_t expected = next == cuts.end() ? bytes.size() : *next;
    const int64_t found = cutter.find(file, static_cast<int64_t>(from), static_cast<int64_t>(bytes.size()));
    require(found == static_cast<int64_t>(expected), "the cut that is found is the next one");
  }
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const aot::fuzz::Random random(input.ConsumeIntegral<uint16_t>());
  const std::string bytes = input.ConsumeRemainingBytesAsString();
  if (!bytes.empty()) aot::fuzz::check(bytes, random);
  return 0;
}
