// Merges of any kind, also such as no training makes: encode_pieces gives what applying them by rank gives.
//
// The input ends with the number of merges and, for each, the numbers of two tokens: the letters, then what the merges
// before have made. It starts with words of those letters.
#include <algorithm>

#include "pieces.h"
#include "support.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_alphabet.h"

namespace aot::fuzz {
namespace {

constexpr std::string_view letters = "abcdef \xE6";

BpeParts byte_vocabulary() {
  BpeParts parts;
  for (int byte = 0; byte < 256; byte++) {
    const char character = static_cast<char>(byte);
    parts.vocabulary.push_back(byte_alphabet().characters({&character, 1}));
  }
  return parts;
}

BpeParts parts_of(FuzzedDataProvider& input) {
  BpeParts parts = byte_vocabulary();
  std::vector<uint32_t> tokens;
  for (const char letter : letters) tokens.push_back(static_cast<uint8_t>(letter));
  for (int left = input.ConsumeIntegral<uint8_t>() % 48; left > 0; left--) {
    const uint32_t first = tokens[input.ConsumeIntegral<uint8_t>() % tokens.size()];
    const uint32_t second = tokens[input.ConsumeIntegral<uint8_t>() % tokens.size()];
    const std::string merged = parts.vocabulary[first] + parts.vocabulary[second];
    if (merged.size() > 400) continue;
    const auto known = std::find(parts.vocabulary.begin(), parts.vocabulary.end(), merged);
    const uint32_t result = static_cast<uint32_t>(known - parts.vocabulary.begin());
    if (known == parts.vocabulary.end()) {
      parts.vocabulary.push_back(merged);
      tokens.push_back(result);
    }
    parts.merges.push_back({first, second, result});
  }
  return parts;
}

// Leaves out some merges, so that tokens are there that nothing makes.
void forget_merges(BpeParts& parts, FuzzedDataProvider& input) {
  const uint8_t every = input.ConsumeIntegral<uint8_t>();
  if (every < 2 || every > 9) return;
  size_t number = 0;
  std::erase_if(parts.merges, [&](const Merge&) { return ++number % every == 0; });
}

void check(FuzzedDataProvider& input) {
  BpeParts parts = parts_of(input);
  forget_merges(parts, input);
  parts.ignore_merges = input.ConsumeIntegral<uint8_t>() >= 192;
  const auto model = std::make_shared<BpeModel>(std::move(parts));
  std::string text;
  std::vector<uint32_t> starts = {0};  // of words
  for (const uint8_t byte : input.ConsumeRemainingBytes<uint8_t>()) {
    if (byte < 240) {
      text += letters[byte % letters.size()];
    } else if (starts.back() < text.size()) {
      starts.push_back(static_cast<uint32_t>(text.size()));
    }
  }
  if (starts.back() < text.size()) starts.push_back(static_cast<uint32_t>(text.size()));
  check_pieces(*model, text, starts);
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  aot::fuzz::check(input);
  return 0;
}
