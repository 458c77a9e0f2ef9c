#include "data/windows.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

// Id 0, <|endoftext|>: what every window begins with outside FW+BW mode.
constexpr int32_t bos = 0;

void check_permutation(const std::vector<int32_t>& permutation, int attn_length) {
  if (permutation.size() != static_cast<size_t>(attn_length)) {
    fail(ErrorCode::config, "permutation has " + std::to_string(permutation.size()) + " places where attn_length is " +
                                std::to_string(attn_length) + ": they must agree");
  }
  std::vector<bool> seen(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    const int32_t place = permutation[i];
    if (place < 0 || place >= attn_length || seen[static_cast<size_t>(place)]) {
      fail(ErrorCode::config, "permutation[" + std::to_string(i) + "] is " + std::to_string(place) +
                                  ": every number from 0 to " + std::to_string(attn_length - 1) +
                                  " must appear exactly once");
    }
    seen[static_cast<size_t>(place)] = true;
  }
}

}  // namespace

Windows::Windows(std::shared_ptr<const TokenStore> store, WindowOptions options)
    : store_(std::move(store)), options_(std::move(options)), directions_(options_.fwbw ? 2 : 1) {
  const int64_t attn_length = options_.attn_length;
  if (attn_length < 3) {
    fail(ErrorCode::config, "attn_length is " + std::to_string(attn_length) + ": it must be at least 3");
  }
  if (options_.stride < 0) {
    fail(ErrorCode::config, "stride is " + std::to_string(options_.stride) + ": it must be at least 1");
  }
  if (options_.fwbw && (options_.backwards || !options_.permutation.empty())) {
    fail(ErrorCode::config, "fwbw reads windows in both directions: leave backwards and permutation out");
  }
  if (!options_.permutation.empty()) check_permutation(options_.permutation, options_.attn_length);
  if (options_.stride == 0) options_.stride = options_.fwbw ? attn_length : (attn_length - 1) / 2;
  length_ = directions_ * std::max<int64_t>(0, (store_->length() - attn_length) / options_.stride);
  if (length_ == 0) {
    fail(ErrorCode::data, store_->path() + " holds " + std::to_string(store_->length()) +
                              " tokens, too few for one window: attn_length " + std::to_string(attn_length) +
                              " with stride " + std::to_string(options_.stride) + " needs " +
                              std::to_string(attn_length + options_.stride) +
                              "; use more text or a smaller attn_length");
  }
}

void Windows::get(int64_t index, int32_t* input, int32_t* target) const {
  if (index < 0 || index >= length_) {
    fail(ErrorCode::data, "there is no window " + std::to_string(index) + ": they are numbered from 0 to " +
                              std::to_string(length_ - 1));
  }
  const size_t count = static_cast<size_t>(options_.attn_length);
  // The input is overwritten below, so that it can hold the text meanwhile.
  const int32_t* text = store_->view(first_token(index), options_.attn_length, input);
  const bool backwards = options_.fwbw ? index % 2 == 1 : options_.backwards;
  if (!options_.permutation.empty()) {
    for (size_t i = 0; i < count; ++i) target[i] = text[options_.permutation[i]];
  } else if (backwards) {
    std::reverse_copy(text, text + count, target);
  } else {
    std::memcpy(target, text, count * sizeof(int32_t));
  }
  input[0] = !options_.fwbw ? bos : backwards ? options_.fwbw->backward : options_.fwbw->forward;
  std::memcpy(input + 1, target, (count - 1) * sizeof(int32_t));
}

}  // namespace aot
