// Merges of any kind, also such as no training makes: encode_piece gives what applying them by rank gives.
//
// The input ends with the number of merges and, for each, the numbers of two tokens: the letters, then what the merges
// before have made. It starts with words of those letters.
#include <algorithm>

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

std::vector<uint32_t> by_definition(const BpeModel& model, const std::string& word) {
  std::vector<uint32_t> ids(word.size());
  if (model.parts().ignore_merges) {
    if (const auto id = model.find(byte_alphabet().characters(word))) return {*id};
  }
  ids.resize(model.merge_piece(reinterpret_cast<const uint8_t*>(word.data()), word.size(), ids.data()));
  return ids;
}

void check(FuzzedDataProvider& input) {
  BpeParts parts = parts_of(input);
  forget_merges(parts, input);
  parts.ignore_merges = input.ConsumeIntegral<uint8_t>() >= 192;
  const auto model = std::make_shared<BpeModel>(std::move(parts));
  std::string word;
  const std::vector<uint8_t> text = input.ConsumeRemainingBytes<uint8_t>();
  for (size_t i = 0; i <= text.size(); i++) {
    if (i < text.size() && text[i] < 240) {
      word += letters[text[i] % letters.size()];
      continue;
    }
    if (word.empty()) continue;
    const std::vector<uint8_t> piece(word.begin(), word.end());
    std::vector<uint32_t> ids(word.size());
    ids.resize(model->encode_piece(piece.data(), piece.size(), ids.data()));
    require(ids == by_definition(*model, word), "encode_piece gives what merging by rank gives");
    word.clear();
  }
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  aot::fuzz::check(input);
  return 0;
}
