// defines: aot::WindowOptions, aot::Windows
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/token_store.h"

namespace aot {

// FW+BW mode: even windows forward, odd ones backward, each with its own first token.
struct ForwardBackwardTokens {
  int32_t forward;
  int32_t backward;
};

struct WindowOptions {
  int attn_length = 0;
  // Tokens from one window to the next; 0: (attn_length - 1) / 2, or attn_length in FW+BW mode.
  int64_t stride = 0;
  bool backwards = false;
  // Position i of the trained sequence holds token permutation[i] of the text; empty: forward or `backwards`.
  std::vector<int32_t> permutation;
  std::optional<ForwardBackwardTokens> fwbw;
};

// The overlapping windows of a text that a model is trained on. Window i covers attn_length tokens from i * stride on;
// its target is those tokens in the trained order, its input the first token (0, BOS) followed by the target without
// its last. length = (tokens - attn_length) / stride. In FW+BW mode windows 2i and 2i+1 are stretch i forward and
// backward. Immutable; may be used by several threads at once.
class Windows {
 public:
  // AOT_CONFIG: attn_length below 3, a permutation that is none, fwbw together with another order.
  // AOT_DATA: fewer tokens than one window needs.
  Windows(std::shared_ptr<const TokenStore> store, WindowOptions options);

  int64_t length() const { return length_; }
  int attn_length() const { return options_.attn_length; }
  int64_t stride() const { return options_.stride; }
  // The place in the text of a window's first token.
  int64_t first_token(int64_t index) const { return index / directions_ * options_.stride; }
  // Writes window `index`: input and target, attn_length ids each. AOT_DATA when there is no such window.
  void get(int64_t index, int32_t* input, int32_t* target) const;
  const TokenStore& store() const { return *store_; }

 private:
  std::shared_ptr<const TokenStore> store_;
  WindowOptions options_;
  int64_t directions_;
  int64_t length_;
};

}  // namespace aot
