// A tokenizer's folder with any content is loaded or refused with an aot::Error; one that is loaded encodes and is
// saved and loaded again as it was.
//
// The input is tokenizer.json, or, parted by lines "====", vocab.json, merges.txt, special_tokens_map.json and
// added_tokens.json. "$BYTES" in it stands for the vocabulary's entries of the 256 bytes, ids 0 to 255, so that inputs
// are small and mutations hit the rest.
#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backend/error.h"
#include "pieces.h"
#include "support.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/char_model.h"

namespace aot::fuzz {
namespace {

constexpr std::string_view parting = "\n====\n";
constexpr std::string_view sample =
    "The theory's aaaa abab\xC3\xA9 \xE6\x97\xA5\n\n  <|endoftext|> <|a|>\t12 \xF0\x9F\x98\x80";

using Loaded = std::shared_ptr<const TokenizerModel>;

std::string with_bytes(std::string content) {
  static const std::string entries = [] {
    std::string text;
    for (int byte = 0; byte < 256; byte++) {
      const char character = static_cast<char>(byte);
      text += (byte ? "," : "") + nlohmann::json(byte_alphabet().characters({&character, 1})).dump() + ":" +
              std::to_string(byte);
    }
    return text;
  }();
  constexpr std::string_view name = "$BYTES";
  if (const size_t at = content.find(name); at != std::string::npos) content.replace(at, name.size(), entries);
  return content;
}

void write_folder(const Folder& folder, std::string_view input) {
  folder.remove_files();
  if (input.find(parting) == std::string_view::npos) {
    folder.write("tokenizer.json", with_bytes(std::string(input)));
    return;
  }
  for (const char* name : {"vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json"}) {
    const size_t end = input.find(parting);
    folder.write(name, with_bytes(std::string(input.substr(0, end))));
    if (end == std::string_view::npos) return;
    input.remove_prefix(end + parting.size());
  }
}

// Any other exception ends the process.
Loaded load(const Folder& folder) {
  try {
    return load_tokenizer(folder.path());
  } catch (const Error& error) {
    const std::string_view message = error.what();
    require(message.find('\n') == std::string_view::npos, "an error is one line");
    require(error.code() == ErrorCode::data || error.code() == ErrorCode::io, "it is the file's fault");
    return nullptr;
  }
}

std::vector<int32_t> encode(const Loaded& model, std::string_view text) {
  std::vector<int32_t> ids;
  try {
    model->make_encoder()->encode_with_added_tokens(text, ids);
  } catch (const Error& error) {
    require(dynamic_cast<const CharModel*>(model.get()) && error.code() == ErrorCode::data,
            "only characters can be unknown");
  }
  return ids;
}

bool same(const TokenizerModel& a, const TokenizerModel& b) {
  const auto same_added = [](const AddedToken& left, const AddedToken& right) {
    return left.id == right.id && left.content == right.content && left.special == right.special &&
           left.lstrip == right.lstrip && left.rstrip == right.rstrip && left.normalized == right.normalized;
  };
  const auto &added_a = a.parts().added_tokens, &added_b = b.parts().added_tokens;
  if (a.parts().vocabulary != b.parts().vocabulary ||
      !std::equal(added_a.begin(), added_a.end(), added_b.begin(), added_b.end(), same_added)) {
    return false;
  }
  const auto *bpe_a = dynamic_cast<const BpeModel*>(&a), *bpe_b = dynamic_cast<const BpeModel*>(&b);
  if (!bpe_a || !bpe_b) return !bpe_a && !bpe_b;
  const auto same_merge = [](const Merge& left, const Merge& right) {
    return left.left == right.left && left.right == right.right && left.result == right.result;
  };
  const auto &merges_a = bpe_a->parts().merges, &merges_b = bpe_b->parts().merges;
  return bpe_a->parts().ignore_merges == bpe_b->parts().ignore_merges &&
         std::equal(merges_a.begin(), merges_a.end(), merges_b.begin(), merges_b.end(), same_merge);
}

void check(std::string_view input) {
  static const Folder folder;
  write_folder(folder, input);
  const Loaded model = load(folder);
  if (!model) return;
  const std::string text = std::string(sample) + valid_utf8(input.substr(0, 200));
  const std::vector<int32_t> ids = encode(model, text);
  model->decode(ids.data(), ids.size(), true);
  if (const auto* bpe = dynamic_cast<const BpeModel*>(model.get())) check_pieces(*bpe, text, pieces_of(text));

  save_tokenizer(*model, folder.path());
  const Loaded again = load(folder);
  require(again && same(*model, *again), "a tokenizer that was saved is loaded as it was");
  require(encode(again, text) == ids, "and gives the same ids");
  if (!dynamic_cast<const BpeModel*>(model.get())) return;
  std::filesystem::remove(folder.file("tokenizer.json"));
  require(load(folder) != nullptr, "its vocab.json and merges.txt are loaded too");
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  aot::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
