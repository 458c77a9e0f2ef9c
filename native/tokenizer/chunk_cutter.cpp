#include "tokenizer/chunk_cutter.h"

#include <algorithm>
#include <utility>

#include "tokenizer/pretokenize.h"
#include "tokenizer/unicode_classes.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

size_t character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) at--;
  return at;
}

}  // namespace

ChunkCutter::ChunkCutter(std::vector<AddedToken> added_tokens) : added_tokens_(std::move(added_tokens)) {
  std::erase_if(added_tokens_, [](const AddedToken& token) { return token.content.empty(); });
  for (const AddedToken& token : added_tokens_) {
    longest_added_token_ = std::max(longest_added_token_, token.content.size());
  }
}

std::optional<ChunkCutter::Match> ChunkCutter::next_added_token(std::string_view text, size_t from, Kind kind) const {
  // A window at a time: a token that stands nowhere is not searched through the whole text before every match.
  constexpr size_t window = 4096;
  std::optional<Match> first;
  for (; !first && from < text.size() && !added_tokens_.empty(); from += window) {
    const size_t last_begin = from + window - 1;
    for (const AddedToken& token : added_tokens_) {
      if (kind != Kind::any && token.normalized != (kind == Kind::normalized)) continue;
      const size_t length = token.content.size();
      const size_t begin = text.substr(0, (first ? first->begin : last_begin) + length).find(token.content, from);
      if (begin == std::string_view::npos) continue;
      if (!first || begin < first->begin || begin + length > first->end) {
        first = Match{begin, begin + length, token.rstrip};
      }
    }
  }
  return first;
}

// Whether an added token stands on both sides of the cut, or may take white space after the cut to itself.
bool ChunkCutter::inside_added_token(std::string_view text, size_t cut) const {
  return std::any_of(added_tokens_.begin(), added_tokens_.end(), [&](const AddedToken& token) {
    const size_t length = token.content.size();
    const size_t begin = cut - std::min(cut, length - (token.rstrip ? 0 : 1));
    return text.substr(begin, cut + length - 1 - begin).find(token.content) != std::string_view::npos;
  });
}

// After an added token, and the white space that it takes, the text starts anew.
std::optional<size_t> ChunkCutter::cut_after_added_token(std::string_view view, size_t most, Kind kind) const {
  std::optional<size_t> cut;
  for (auto token = next_added_token(view, 0, kind); token && token->end <= most;
       token = next_added_token(view, token->end, kind)) {
    size_t end = token->end;
    while (token->takes_white_space && end <= most) {
      uint32_t length;
      const uint32_t code_point = decode_utf8(reinterpret_cast<const uint8_t*>(view.data()) + end, length);
      if (unicode_classes()(code_point) != CharClass::space) break;
      end += length;
    }
    if (end <= most) cut = end;
  }
  return cut;
}

std::optional<size_t> ChunkCutter::safe_cut(std::string_view view) const {
  // Added tokens that begin before the cut must be seen whole.
  if (view.size() <= longest_added_token_) return std::nullopt;
  const size_t most = view.size() - longest_added_token_;
  size_t cut = last_safe_cut(view.substr(0, std::min(most + 1, view.size())));
  while (cut > 0 && inside_added_token(view, cut)) cut = last_safe_cut(view.substr(0, cut));
  if (cut > 0) return cut;
  if (added_tokens_.empty()) return std::nullopt;
  // The encoder looks for the normalized ones in what the others leave.
  if (next_added_token(view, 0, Kind::plain)) return cut_after_added_token(view, most, Kind::plain);
  return cut_after_added_token(view, most, Kind::normalized);
}

// The end of what max_piece_bytes leave of the first too long piece. Unless the text has `ended`, its last piece may go
// on.
std::optional<size_t> ChunkCutter::cut_long_piece(std::string_view text, bool ended) {
  for (size_t begin = 0; begin < text.size();) {
    const auto token = next_added_token(text, begin, Kind::any);
    const std::string_view segment = text.substr(begin, token ? token->begin - begin : text.size() - begin);
    if (segment.size() > max_piece_bytes) {
      padded_.assign(segment).append(pretokenize_padding, ' ');
      starts_.resize(padded_.size());
      const auto* padded = reinterpret_cast<const uint8_t*>(padded_.data());
      const size_t pieces = pretokenize(padded, segment.size(), starts_.data());
      for (size_t piece = 0; piece < pieces; piece++) {
        // A piece at the open end counts without what another may yet take from it: white space gives its last
        // character to the piece that follows, and an added token may have begun.
        const bool open = !ended && !token && starts_[piece + 1] + 4 + longest_added_token_ > segment.size();
        const size_t most_bytes = max_piece_bytes + (open ? 4 + longest_added_token_ : 0);
        if (starts_[piece + 1] - starts_[piece] > most_bytes) {
          return begin + character_start(segment, starts_[piece] + max_piece_bytes);
        }
      }
    }
    begin = token ? token->end : text.size();
  }
  return std::nullopt;
}

std::optional<ChunkCutter::Cut> ChunkCutter::find(std::string_view view, bool last) {
  if (view.empty()) return std::nullopt;
  const std::optional<size_t> cut = last ? std::optional(view.size()) : safe_cut(view);
  if (cut.value_or(view.size()) > max_piece_bytes) {
    const auto long_piece = cut_long_piece(view.substr(0, cut.value_or(view.size())), cut.has_value());
    if (long_piece) return Cut{*long_piece, true};
  }
  if (!cut) return std::nullopt;
  return Cut{*cut, false};
}

}  // namespace aot
