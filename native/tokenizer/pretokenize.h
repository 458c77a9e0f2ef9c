// defines: aot::pretokenize, aot::pretokenize_scalar, aot::pretokenizer_named, aot::last_safe_cut, aot::PieceBlocks
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace aot {

// The GPT-2 pre-tokenizer of Hugging Face's ByteLevel (add_prefix_space false):
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// Every character lands in exactly one piece.

// Corpora's readers cut longer pieces, so that a "word" without end cannot take all memory.
inline constexpr size_t max_piece_bytes = 1 << 20;

// The text must be followed by this many bytes of U+0020, and `starts` have room for bytes + pretokenize_padding.
inline constexpr size_t pretokenize_padding = 64;

// Splits `bytes` bytes (below 2^32 - 64) of valid UTF-8: writes where each piece starts, then `bytes`, and returns the
// number of pieces. All implementations give the same result.
using Pretokenizer = size_t (*)(const uint8_t* text, size_t bytes, uint32_t* starts);

// One piece at a time, as the expression says: the reference, and the only one on machines without AVX2.
size_t pretokenize_scalar(const uint8_t* text, size_t bytes, uint32_t* starts);

// The fastest that this processor has.
size_t pretokenize(const uint8_t* text, size_t bytes, uint32_t* starts);

// "scalar", "avx2", "avx512"; null when this processor or this build has none of that name.
Pretokenizer pretokenizer_named(std::string_view name);

// The largest c in (0, size) such that the pieces of any text that starts with this view are those of the first c bytes
// followed by those of the rest; 0 when none is found. The view is valid UTF-8, but for its last character, which may
// be incomplete.
size_t last_safe_cut(std::string_view text);

// Walks a text in blocks that fit the processor's cache, split in pieces, with the same pieces as the whole text has.
class PieceBlocks {
 public:
  // The text is valid UTF-8 and outlives the walk. AOT_DATA when a stretch of 4 GiB holds no safe cut.
  void start(std::string_view text) { rest_ = text; }
  // Goes to the next block; false at the end of the text.
  bool next();
  // Piece i of the block is [starts()[i], starts()[i + 1]) of text(); at least 64 bytes follow each piece's end.
  const uint8_t* text() const { return buffer_.data(); }
  const uint32_t* starts() const { return starts_.data(); }
  size_t pieces() const { return pieces_; }
  size_t bytes() const { return bytes_; }

 private:
  std::string_view rest_;
  std::vector<uint8_t> buffer_;
  std::vector<uint32_t> starts_;
  size_t pieces_ = 0, bytes_ = 0;
};

}  // namespace aot
