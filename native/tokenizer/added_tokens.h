// defines: aot::AddedTokenFinder
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer_model.h"

namespace aot {

// Finds added tokens in a text: the leftmost match, the longest of those that start there; first the tokens that are
// not `normalized`, then the others in what is left, as Hugging Face does.
class AddedTokenFinder {
 public:
  // A stretch of the text: an added token, or text without one.
  struct Segment {
    std::string_view text;
    int64_t id;  // -1: text
  };

  // `tokens` outlive the finder.
  explicit AddedTokenFinder(const std::vector<AddedToken>& tokens);
  // The segments of the text, in order, none empty. Valid until the next call.
  const std::vector<Segment>& split(std::string_view text);

 private:
  // Tokens of one pass, by their first byte, longest first.
  struct Pass {
    std::vector<const AddedToken*> by_first_byte[256];
    std::vector<uint8_t> first_bytes;
    // The first token at or after `from`, and where it is; null when there is none.
    const AddedToken* find(std::string_view text, size_t from, size_t& at) const;
    void split(std::string_view text, std::vector<Segment>& segments) const;
  };

  Pass passes_[2];
  std::vector<Segment> segments_, first_segments_;
};

}  // namespace aot
