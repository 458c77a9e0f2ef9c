#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "tokenizer/unicode_classes.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

bool is_space(std::string_view text, size_t at, uint32_t& length) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(text.data());
  return unicode_classes()(decode_utf8(bytes + at, length)) == CharClass::space;
}

// Where the white space that ends at `end` starts; not before `least`.
size_t space_start(std::string_view text, size_t least, size_t end) {
  while (end > least) {
    size_t at = end - 1;
    while (at > least && is_utf8_continuation(static_cast<uint8_t>(text[at]))) at--;
    uint32_t length;
    if (!is_space(text, at, length)) break;
    end = at;
  }
  return end;
}

// Where the white space that starts at `start` ends.
size_t space_end(std::string_view text, size_t start) {
  uint32_t length;
  while (start < text.size() && is_space(text, start, length)) start += length;
  return start;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    Pass& pass = passes_[token.normalized ? 1 : 0];
    const uint8_t first = static_cast<uint8_t>(token.content[0]);
    if (pass.by_first_byte[first].empty()) pass.first_bytes.push_back(first);
    pass.by_first_byte[first].push_back(&token);
  }
  for (Pass& pass : passes_) {
    for (auto& same_start : pass.by_first_byte) {
      std::stable_sort(same_start.begin(), same_start.end(),
                       [](const AddedToken* a, const AddedToken* b) { return a->content.size() > b->content.size(); });
    }
  }
}

const AddedToken* AddedTokenFinder::Pass::find(std::string_view text, size_t from, size_t& at) const {
  for (size_t i = from; i < text.size(); i++) {
    if (first_bytes.size() == 1) {  // the usual case: one token, and texts without it
      const void* found = std::memchr(text.data() + i, first_bytes[0], text.size() - i);
      if (!found) return nullptr;
      i = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    }
    for (const AddedToken* token : by_first_byte[static_cast<uint8_t>(text[i])]) {
      if (text.compare(i, token->content.size(), token->content) == 0) {
        at = i;
        return token;
      }
    }
  }
  return nullptr;
}

void AddedTokenFinder::Pass::split(std::string_view text, std::vector<Segment>& segments) const {
  size_t done = 0;  // up to here in segments
  size_t from = 0;  // where the next match may start
  while (!first_bytes.empty()) {
    size_t start;
    const AddedToken* token = find(text, from, start);
    if (!token) break;
    size_t end = from = start + token->content.size();
    if (token->lstrip) start = space_start(text, done, start);
    if (token->rstrip) end = space_end(text, end);
    if (start > done) segments.push_back({text.substr(done, start - done), -1});
    segments.push_back({text.substr(start, end - start), token->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), -1});
}

const std::vector<AddedTokenFinder::Segment>& AddedTokenFinder::split(std::string_view text) {
  first_segments_.clear();
  passes_[0].split(text, first_segments_);
  if (passes_[1].first_bytes.empty()) return first_segments_;
  segments_.clear();
  for (const Segment& segment : first_segments_) {
    if (segment.id >= 0) {
      segments_.push_back(segment);
    } else {
      passes_[1].split(segment.text, segments_);
    }
  }
  return segments_;
}

}  // namespace aot
