#include "tokenizer/chunk_cutter.h"

#include <algorithm>
#include <utility>

#include "tokenizer/pretokenize.h"

namespace aot {
namespace {

size_t character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) at--;
  return at;
}

}  // namespace

ChunkCutter::ChunkCutter(std::vector<std::string> added_tokens) : added_tokens_(std::move(added_tokens)) {
  std::erase(added_tokens_, "");
  for (const std::string& token : added_tokens_) longest_added_token_ = std::max(longest_added_token_, token.size());
}

std::optional<ChunkCutter::Match> ChunkCutter::next_added_token(std::string_view text, size_t from) const {
  // A window at a time: a token that stands nowhere is not searched through the whole text before every match.
  constexpr size_t window = 4096;
  std::optional<Match> first;
  for (; !first && from < text.size() && !added_tokens_.empty(); from += window) {
    const size_t most_begin = from + window - 1;
    for (const std::string& token : added_tokens_) {
      const size_t begin = text.substr(0, (first ? first->begin : most_begin) + token.size()).find(token, from);
      if (begin == std::string_view::npos) continue;
      const Match match{begin, begin + token.size()};
      if (!first || match.begin < first->begin || match.end > first->end) first = match;
    }
  }
  return first;
}

bool ChunkCutter::inside_added_token(std::string_view text, size_t cut) const {
  return std::any_of(added_tokens_.begin(), added_tokens_.end(), [&](const std::string& token) {
    const size_t begin = cut - std::min(cut, token.size() - 1);
    return text.substr(begin, cut + token.size() - 1 - begin).find(token) != std::string_view::npos;
  });
}

std::optional<size_t> ChunkCutter::safe_cut(std::string_view view) const {
  // Added tokens that begin before the cut must be seen whole.
  if (view.size() <= longest_added_token_) return std::nullopt;
  const size_t most = view.size() - longest_added_token_;
  size_t cut = last_safe_cut(view.substr(0, std::min(most + 1, view.size())));
  while (cut > 0 && inside_added_token(view, cut)) cut = last_safe_cut(view.substr(0, cut));
  if (cut > 0) return cut;

  // After an added token the text starts anew.
  std::optional<size_t> after_token;
  for (auto token = next_added_token(view, 0); token && token->end <= most;
       token = next_added_token(view, token->end)) {
    after_token = token->end;
  }
  return after_token;
}

// The end of what max_piece_bytes leave of the first too long piece. Unless the text has `ended`, its last piece may go
// on.
std::optional<size_t> ChunkCutter::cut_long_piece(std::string_view text, bool ended) {
  for (size_t begin = 0; begin < text.size();) {
    const auto token = next_added_token(text, begin);
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
