#include "tokenizer/chunk_cutter.h"

#include <algorithm>
#include <utility>

#include "tokenizer/pretokenize.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

size_t character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && is_utf8_continuation(static_cast<uint8_t>(text[at]))) at--;
  return at;
}

}  // namespace

ChunkCutter::ChunkCutter(std::vector<AddedToken> added_tokens, CutAt cut_at)
    : added_tokens_(std::move(added_tokens)), cut_at_(cut_at), finder_(added_tokens_) {
  for (const AddedToken& token : added_tokens_) {
    longest_added_token_ = std::max(longest_added_token_, token.content.size());
  }
}

// The last place in (0, size) where the text may be cut if no added token is there; 0 when there is none.
size_t ChunkCutter::last_cut(std::string_view text) const {
  if (cut_at_ == CutAt::pieces) return last_safe_cut(text);
  return text.empty() ? 0 : character_start(text, text.size() - 1);
}

bool ChunkCutter::inside_added_token(std::string_view text, size_t cut) const {
  return std::any_of(added_tokens_.begin(), added_tokens_.end(), [&](const AddedToken& token) {
    const size_t length = token.content.size();
    if (length == 0) return false;
    const size_t begin = cut - std::min(cut, length - (token.rstrip ? 0 : 1));
    return text.substr(begin, cut + length - 1 - begin).find(token.content) != std::string_view::npos;
  });
}

std::optional<size_t> ChunkCutter::safe_cut(std::string_view view) {
  // Added tokens that begin before the cut must be seen whole.
  if (view.size() <= longest_added_token_) return std::nullopt;
  const size_t most = view.size() - longest_added_token_;
  size_t cut = last_cut(view.substr(0, std::min(most + 1, view.size())));
  while (cut > 0 && inside_added_token(view, cut)) cut = last_cut(view.substr(0, cut));
  if (cut > 0) return cut;
  if (added_tokens_.empty()) return std::nullopt;

  // After an added token the text starts anew.
  std::optional<size_t> after_token;
  size_t end = 0;
  for (const AddedTokenFinder::Segment& segment : finder_.split(view)) {
    end += segment.text.size();
    if (segment.id >= 0 && end <= most) after_token = end;
  }
  return after_token;
}

// The end of what max_piece_bytes leave of the first too long piece. Unless the text has `ended`, its last piece may go
// on.
std::optional<size_t> ChunkCutter::cut_long_piece(std::string_view text, bool ended) {
  size_t begin = 0;
  for (const AddedTokenFinder::Segment& segment : finder_.split(text)) {
    const size_t bytes = segment.text.size();
    if (segment.id < 0 && bytes > max_piece_bytes) {
      padded_.assign(segment.text).append(pretokenize_padding, ' ');
      starts_.resize(padded_.size());
      const auto* padded = reinterpret_cast<const uint8_t*>(padded_.data());
      const size_t pieces = pretokenize(padded, bytes, starts_.data());
      for (size_t piece = 0; piece < pieces; piece++) {
        // A piece at the open end counts without what another may yet take from it: white space gives its last
        // character to the piece that follows, and an added token may have begun.
        const bool open = !ended && begin + starts_[piece + 1] + 4 + longest_added_token_ > text.size();
        const size_t most_bytes = max_piece_bytes + (open ? 4 + longest_added_token_ : 0);
        if (starts_[piece + 1] - starts_[piece] > most_bytes) {
          return begin + character_start(segment.text, starts_[piece] + max_piece_bytes);
        }
      }
    }
    begin += bytes;
  }
  return std::nullopt;
}

std::optional<ChunkCutter::Cut> ChunkCutter::find(std::string_view view, bool last) {
  if (view.empty()) return std::nullopt;
  const std::optional<size_t> cut = last ? std::optional(view.size()) : safe_cut(view);
  if (cut_at_ == CutAt::pieces && cut.value_or(view.size()) > max_piece_bytes) {
    const auto long_piece = cut_long_piece(view.substr(0, cut.value_or(view.size())), cut.has_value());
    if (long_piece) return Cut{*long_piece, true};
  }
  if (!cut) return std::nullopt;
  return Cut{*cut, false};
}

}  // namespace aot
