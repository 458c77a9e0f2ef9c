// The encoder gives the ids that merging piece by piece gives, whatever it remembers of earlier texts; the ids decode
// to the text; a text in chunks, as ChunkCutter cuts it, has the ids of the whole.
#include "pieces.h"
#include "support.h"
#include "tokenizer/chunk_cutter.h"
#include "tokenizer/utf8.h"
#include "tokenizers.h"

namespace aot::fuzz {
namespace {

// The definition: added tokens first, then the pieces of what lies between them, each merged by rank.
std::vector<int32_t> merged_by_definition(const BpeModel& model, std::string_view text) {
  AddedTokenFinder finder(model.parts().added_tokens);
  std::vector<int32_t> ids;
  size_t covered = 0;
  for (const AddedTokenFinder::Segment& segment : finder.split(text)) {
    require(!segment.text.empty() && segment.text.data() == text.data() + covered, "the segments follow each other");
    covered += segment.text.size();
    if (segment.id >= 0) {
      ids.push_back(static_cast<int32_t>(segment.id));
      continue;
    }
    const std::vector<uint32_t> starts = pieces_of(segment.text);
    check_pieces(model, segment.text, starts);
    for (size_t i = 0; i + 1 < starts.size(); i++) {
      const std::vector<uint32_t> merged =
          merged_piece(model, segment.text.substr(starts[i], starts[i + 1] - starts[i]));
      ids.insert(ids.end(), merged.begin(), merged.end());
    }
  }
  require(covered == text.size(), "the segments cover the text");
  return ids;
}

// As the reader of files does it: it sees more and more of the text until a cut is found.
std::vector<int32_t> encode_in_chunks(const Tokenizer& tokenizer, std::string_view text, size_t most, Random& random) {
  ChunkCutter cutter(tokenizer.model->parts().added_tokens, tokenizer.model->cut_at());
  std::vector<int32_t> ids;
  size_t from = 0, seen = 0;
  while (from < text.size()) {
    seen = std::min(text.size(), seen + 1 + random.below(most));
    while (seen < text.size() && is_utf8_continuation(static_cast<uint8_t>(text[seen]))) seen++;
    const std::string_view view = text.substr(from, seen - from);
    const auto cut = cutter.find(view, seen == text.size());
    require(cut || seen < text.size(), "the end of the text is a cut");
    if (!cut) continue;
    require(cut->size > 0 && cut->size <= view.size() && !cut->inside_piece, "a cut lies in what was seen");
    tokenizer.encoder->encode_with_added_tokens(view.substr(0, cut->size), ids);
    from += cut->size;
  }
  return ids;
}

void check(const std::string& text, Random random) {
  for (const Tokenizer& tokenizer : tokenizers()) {
    const std::vector<int32_t> ids = encode(tokenizer, text);
    if (const auto* bpe = dynamic_cast<const BpeModel*>(tokenizer.model.get())) {
      require(ids == merged_by_definition(*bpe, text), "the encoder gives what the definition gives");
    }
    const std::string decoded = tokenizer.model->decode(ids.data(), ids.size());
    require(!tokenizer.keeps_text || decoded == text, "the ids decode to the text");
    for (const size_t most : {3, 40}) {
      require(encode_in_chunks(tokenizer, text, most, random) == ids, "chunks have the ids of the whole text");
    }
  }
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const aot::fuzz::Random random(input.ConsumeIntegral<uint16_t>());
  aot::fuzz::check(aot::fuzz::valid_utf8(input.ConsumeRemainingBytesAsString()), random);
  return 0;
}
