// defines: aot::ChunkCutter
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/tokenizer_model.h"

namespace aot {

// Says where a file's text may be cut so that working on the parts gives the pieces of the whole, and where pieces
// longer than max_piece_bytes (tokenizer/pretokenize.h) are cut: between any two characters where these are the pieces.
// How much of the text is seen at a time may move the first kind of cut, never the second: the result does not depend
// on it.
class ChunkCutter {
 public:
  // `added_tokens`: those of the encoder that will work on the parts, none of them with lstrip or rstrip when the text
  // is cut at characters. None when training.
  ChunkCutter(std::vector<AddedToken> added_tokens, CutAt cut_at);

  struct Cut {
    size_t size;        // bytes before the cut, in (0, view size]
    bool inside_piece;  // it cuts a piece that is too long
  };
  // Where to cut `view`, which starts at the file's start or at an earlier cut and ends between two characters. With
  // `last` nothing follows it in the file. Nothing when more text is needed to tell; that ends a few times
  // max_piece_bytes further.
  std::optional<Cut> find(std::string_view view, bool last);

  // Whether an added token stands on both sides of the cut, or may take white space after it to itself. The text
  // reaches as far as the longest of them on both sides, or to the ends.
  bool inside_added_token(std::string_view text, size_t cut) const;
  // In bytes.
  size_t longest_added_token() const { return longest_added_token_; }

 private:
  size_t last_cut(std::string_view text) const;
  std::optional<size_t> safe_cut(std::string_view view);
  std::optional<size_t> cut_long_piece(std::string_view text, bool ended);

  const std::vector<AddedToken> added_tokens_;
  const CutAt cut_at_;
  AddedTokenFinder finder_;
  size_t longest_added_token_ = 0;  // in bytes
  // Of the pre-tokenizer.
  std::string padded_;
  std::vector<uint32_t> starts_;
};

}  // namespace aot
