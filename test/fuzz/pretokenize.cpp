// Every implementation of the pre-tokenizer gives the same pieces, which cover the text; the cuts of last_safe_cut and
// the blocks of PieceBlocks do not change them.
#include "tokenizer/pretokenize.h"

#include "support.h"
#include "tokenizer/utf8.h"

namespace aot::fuzz {
namespace {

constexpr size_t more_than_a_block = 67'000;  // of PieceBlocks

void check_pieces(std::string_view text, const std::vector<uint32_t>& starts) {
  require(starts.front() == 0 && starts.back() == text.size(), "the pieces cover the text");
  for (size_t i = 0; i + 1 < starts.size(); i++) {
    require(starts[i] < starts[i + 1], "no piece is empty");
    require(!is_utf8_continuation(static_cast<uint8_t>(text[starts[i]])), "no piece starts inside a character");
  }
}

// The pieces of the two sides of a cut, as one list.
std::vector<uint32_t> pieces_of_sides(std::string_view text, size_t cut) {
  std::vector<uint32_t> starts = pieces_of(text.substr(0, cut));
  starts.pop_back();
  for (const uint32_t start : pieces_of(text.substr(cut))) starts.push_back(static_cast<uint32_t>(cut) + start);
  return starts;
}

// What the reader sees may end anywhere, also within a character.
void check_cut(std::string_view text, size_t seen, const std::vector<uint32_t>& starts) {
  const size_t cut = last_safe_cut(text.substr(0, seen));
  if (cut == 0) return;
  require(cut < seen, "a cut lies inside what was seen");
  require(pieces_of_sides(text, cut) == starts, "a safe cut does not change the pieces");
}

void check_blocks(std::string_view text, const std::vector<uint32_t>& starts) {
  PieceBlocks blocks;
  blocks.start(text);
  std::vector<uint32_t> found;
  uint32_t base = 0;
  while (blocks.next()) {
    require(std::string_view(reinterpret_cast<const char*>(blocks.text()), blocks.bytes()) ==
                text.substr(base, blocks.bytes()),
            "the blocks are the text");
    for (size_t i = 0; i < blocks.pieces(); i++) found.push_back(base + blocks.starts()[i]);
    base += static_cast<uint32_t>(blocks.bytes());
  }
  found.push_back(base);
  require(found == starts, "the blocks have the pieces of the text");
}

void check(std::string_view text, Random random) {
  const std::vector<uint32_t> starts = pieces_of(text);
  check_pieces(text, starts);
  for (const char* name : {"avx2", "avx512"}) {
    if (const Pretokenizer other = pretokenizer_named(name)) {
      require(pieces_of(text, other) == starts, "all implementations give the same pieces");
    }
  }
  for (int i = 0; i < 3; i++) check_cut(text, random.below(text.size() + 1), starts);
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  aot::fuzz::Random random(input.ConsumeIntegral<uint16_t>());
  const bool long_text = input.ConsumeIntegral<uint8_t>() >= 254;
  const std::string text = aot::fuzz::valid_utf8(input.ConsumeRemainingBytesAsString());
  aot::fuzz::check(text, random);
  if (long_text && !text.empty()) {
    std::string blocks;
    while (blocks.size() < aot::fuzz::more_than_a_block) blocks += text;
    aot::fuzz::check_blocks(blocks, aot::fuzz::pieces_of(blocks));
  }
  return 0;
}
