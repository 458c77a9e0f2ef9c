#include "data/window_split.h"

#include <algorithm>
#include <string>

#include "backend/error.h"
#include "data/scramble.h"
#include "data/shuffle.h"

namespace aot {
namespace {

// How many windows, from the first on, end before the text place `end`. Windows begin in ascending order.
int64_t windows_before(const Windows& windows, int64_t end) {
  int64_t least = 0, most = windows.length();
  while (least < most) {
    const int64_t middle = least + (most - least) / 2;
    if (windows.first_token(middle) + windows.attn_length() <= end) {
      least = middle + 1;
    } else {
      most = middle;
    }
  }
  return least;
}

}  // namespace

WindowPart::WindowPart(const Windows& windows, Part part, int64_t batch_size, const SplitOptions& options)
    : options_(options) {
  const int64_t total = windows.length();
  const int64_t held_out = options.valid_windows;
  if (held_out < 0 || (held_out == 0 && part == Part::valid)) {
    fail(ErrorCode::config,
         "validWindows is " + std::to_string(held_out) + ": it must be at least " + (part == Part::valid ? "1" : "0"));
  }
  if (batch_size < 1) fail(ErrorCode::config, "batchSize is " + std::to_string(batch_size) + ": it must be at least 1");
  const bool contiguous = options.split == Split::contiguous;
  int64_t train = std::max<int64_t>(0, total - held_out);
  if (contiguous && held_out > 0 && train > 0) train = windows_before(windows, windows.first_token(train));
  permuted_ = contiguous ? train : total;
  in_text_order_ = contiguous && part == Part::valid;
  first_ = part == Part::valid ? total - held_out : 0;
  length_ = part == Part::valid ? held_out : train;

  if (held_out > total || length_ < batch_size) {
    fail(ErrorCode::data, windows.store().path() + " gives " + std::to_string(total) + " windows of " +
                              std::to_string(windows.attn_length()) + " tokens: with " + std::to_string(held_out) +
                              " held out for " + "validation, " + std::to_string(held_out > total ? 0 : length_) +
                              " are left for " + (part == Part::valid ? "validation" : "training") +
                              ", less than one batch of " + std::to_string(batch_size) +
                              "; use more text, a smaller batch or fewer validation steps");
  }
}

std::function<int64_t(int64_t)> WindowPart::order() const {
  const int64_t first = first_;
  if (in_text_order_) return [first](int64_t place) { return first + place; };
  if (options_.fast_scrambling) {
    return [first, scramble = Scramble(permuted_, options_.seed)](int64_t place) { return scramble[first + place]; };
  }
  return [first, order = shuffled_order(permuted_, options_.seed)](int64_t place) { return (*order)[first + place]; };
}

}  // namespace aot
