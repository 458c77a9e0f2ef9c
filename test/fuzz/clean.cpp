// TextCleaner gives what its description says, in whatever portions the bytes come; replace_invalid_utf8 gives UTF-8.
#include <algorithm>

#include "support.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizer/utf8.h"

namespace aot::fuzz {
namespace {

// In three passes over the whole, as the description has it.
std::string cleaned_by_definition(std::string_view bytes) {
  std::string_view kept;
  const std::string valid = valid_utf8(bytes);
  kept = valid;
  if (bytes.starts_with("\xEF\xBB\xBF")) kept.remove_prefix(3);
  std::string text;
  for (size_t at = 0; at < kept.size(); at++) {
    const std::string_view rest = kept.substr(at);
    if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      text += '\n';
      at += 2;
    } else if (rest.front() == '\r') {
      text += '\n';
      if (rest.starts_with("\r\n")) at++;
    } else {
      text += rest.front();
    }
  }
  return text;
}

// Portions of up to `most` bytes; what the cleaner leaves is given again.
std::string cleaned_in_portions(std::string_view bytes, size_t most, Random random, int64_t& invalid_bytes) {
  TextCleaner cleaner;
  std::string text;
  size_t from = 0, end = 0;
  do {
    end = std::min(bytes.size(), end + 1 + random.below(most));
    const bool last = end == bytes.size();
    const std::vector<uint8_t> portion(bytes.begin() + static_cast<ptrdiff_t>(from),
                                       bytes.begin() + static_cast<ptrdiff_t>(end));
    std::vector<uint8_t> out(portion.size());
    size_t written = 0;
    const size_t used = cleaner.clean(portion.data(), portion.size(), last, out.data(), written);
    require(written <= portion.size(), "text does not grow");
    require(used <= portion.size() && (last ? used == portion.size() : portion.size() - used <= 3),
            "only a character that was cut off is left");
    text.append(out.begin(), out.begin() + static_cast<ptrdiff_t>(written));
    from += used;
  } while (end < bytes.size());
  invalid_bytes = cleaner.invalid_bytes();
  return text;
}

void check(std::string_view bytes, Random random) {
  const std::string expected = cleaned_by_definition(bytes);
  for (const size_t most : {bytes.size() + 1, size_t{1}, size_t{7}, size_t{200}}) {
    int64_t invalid_bytes = 0;
    require(cleaned_in_portions(bytes, most, random, invalid_bytes) == expected, "the cleaned text is as described");
    require(invalid_bytes == static_cast<int64_t>(bytes.size() - valid_utf8(bytes).size()),
            "every byte that is dropped is counted");
  }
  require(valid_utf8(expected) == expected, "the cleaned text is UTF-8");
  const std::string replaced = replace_invalid_utf8(bytes);
  require(valid_utf8(replaced) == replaced, "text with replacements is UTF-8");
  require(replace_invalid_utf8(expected) == expected, "nothing is replaced in UTF-8");
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const aot::fuzz::Random random(input.ConsumeIntegral<uint16_t>());
  aot::fuzz::check(input.ConsumeRemainingBytesAsString(), random);
  return 0;
}
