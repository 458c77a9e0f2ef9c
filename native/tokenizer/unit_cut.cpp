#include "tokenizer/unit_cut.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "backend/thread_pool.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizer/unicode_classes.h"
#include "tokenizer/utf8.h"

namespace aot {
namespace {

constexpr size_t longest_character = 4;
constexpr size_t window_bytes = 64 << 10;

// Bytes of the well-formed character that ends at `at`; 0 when there is none.
size_t character_before(const uint8_t* bytes, size_t at) {
  for (size_t length = 1; length <= std::min(at, longest_character); length++) {
    const uint8_t* start = bytes + at - length;
    if (is_utf8_continuation(*start)) continue;
    return utf8_character(start, length) == static_cast<int>(length) ? length : 0;
  }
  return 0;
}

CharClass class_of(const uint8_t* character) {
  uint32_t length;
  return unicode_classes()(decode_utf8(character, length));
}

std::string cleaned(std::string_view raw, bool first, bool last) {
  std::string text(raw.size(), '\0');
  size_t written = 0;
  TextCleaner(first).clean(reinterpret_cast<const uint8_t*>(raw.data()), raw.size(), last,
                           reinterpret_cast<uint8_t*>(text.data()), written);
  text.resize(written);
  return text;
}

}  // namespace

UnitCutter::UnitCutter(std::vector<AddedToken> added_tokens, CutAt cut_at)
    : cut_at_(cut_at), cutter_(std::move(added_tokens), cut_at), reach_(2 * cutter_.longest_added_token() + 8) {}

bool UnitCutter::clear_of_added_tokens(std::string_view bytes, size_t at, bool first, bool last) const {
  const size_t longest = cutter_.longest_added_token();
  if (longest == 0) return true;
  const size_t begin = at - std::min(at, reach_), end = std::min(bytes.size(), at + reach_);
  const bool from_start = first && begin == 0, to_end = last && end == bytes.size();
  const std::string left = cleaned(bytes.substr(begin, at - begin), from_start, true);
  const std::string right = cleaned(bytes.substr(at, end - at), false, to_end);
  if ((left.size() < longest && !from_start) || (right.size() < longest && !to_end)) return false;
  return !cutter_.inside_added_token(left + right, left.size());
}

bool UnitCutter::may_cut(std::string_view bytes, size_t at, bool first, bool last) const {
  const uint8_t* text = reinterpret_cast<const uint8_t*>(bytes.data());
  if (at == 0 || at >= bytes.size() || utf8_character(text + at, bytes.size() - at) <= 0) return false;
  const size_t before = character_before(text, at);
  if (before == 0 || text[at - 1] == '\r') return false;
  if (cut_at_ == CutAt::pieces) {
    const CharClass x = class_of(text + at - before), y = class_of(text + at);
    if (x == CharClass::space || x == y || (text[at - 1] == '\'' && y == CharClass::letter)) return false;
  }
  return clear_of_added_tokens(bytes, at, first, last);
}

bool UnitCutter::may_cut(std::string_view bytes, size_t at) const { return may_cut(bytes, at, true, true); }

int64_t UnitCutter::find(const InputFile& file, int64_t at, int64_t size) const {
  const size_t margin = std::max(reach_, longest_character);
  std::string window;
  while (at < size) {
    const int64_t begin = std::max<int64_t>(0, at - static_cast<int64_t>(margin));
    window.resize(
        static_cast<size_t>(std::min<int64_t>(size - begin, static_cast<int64_t>(window_bytes + 2 * margin))));
    window.resize(file.read(window.data(), window.size(), begin));
    const bool last = begin + static_cast<int64_t>(window.size()) >= size;
    // Cuts near the window's end are for the next one, which sees what follows them.
    const size_t most = window.size() - (last ? 0 : std::min(window.size(), margin));
    size_t place = static_cast<size_t>(at - begin);
    for (; place < most; place++) {
      if (may_cut(window, place, begin == 0, last)) return begin + static_cast<int64_t>(place);
    }
    if (last || window.size() <= static_cast<size_t>(at - begin)) break;
    at = begin + static_cast<int64_t>(place);
  }
  return size;
}

std::vector<int64_t> find_cuts(const UnitCutter& cutter, const std::vector<CutRequest>& requests, int threads,
                               const WorkControl& control) {
  std::vector<size_t> firsts;  // of each file
  for (size_t i = 0; i < requests.size(); i++) {
    if (i == 0 || requests[i].path != requests[i - 1].path) firsts.push_back(i);
  }
  firsts.push_back(requests.size());
  std::vector<int64_t> cuts(requests.size());
  std::atomic<size_t> next = 0;
  ThreadPool(threads).run([&](int) {
    for (size_t file; (file = next++) + 1 < firsts.size();) {
      const InputFile input(requests[firsts[file]].path);
      for (size_t i = firsts[file]; i < firsts[file + 1]; i++) {
        control.check_stop();
        // Where the search for an earlier one has passed this place, it was the same search.
        const bool passed = i > firsts[file] && cuts[i - 1] >= requests[i].at;
        cuts[i] = passed ? cuts[i - 1] : cutter.find(input, requests[i].at, requests[i].size);
      }
    }
  });
  return cuts;
}

}  // namespace aot
