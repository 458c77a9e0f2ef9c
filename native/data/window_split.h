// defines: aot::SplitOptions, aot::WindowPart
#pragma once
#include <cstdint>
#include <functional>

#include "data/windows.h"

namespace aot {

enum class Part { train, valid };

// shuffled: the last valid_windows of the shuffled order are validation, as the original has it. Windows overlap, so
// validation text is then mostly seen in training too.
// contiguous: validation is the last valid_windows windows of the text, in the order of the text; training windows are
// those that share no token with them, shuffled.
enum class Split { shuffled, contiguous };

struct SplitOptions {
  Split split = Split::shuffled;
  // Windows held out, for both parts of one run the same.
  int64_t valid_windows = 0;
  uint64_t seed = 42;
  // Order by a Scramble (constant memory) instead of NumPy's shuffle.
  bool fast_scrambling = false;
};

// The windows of one part, in the order in which they are visited.
class WindowPart {
 public:
  // AOT_DATA when the part has fewer windows than one batch of batch_size; AOT_CONFIG for valid_windows below 0, or 0
  // where the part is validation.
  WindowPart(const Windows& windows, Part part, int64_t batch_size, const SplitOptions& options);

  int64_t length() const { return length_; }
  // The window number of each place in 0..length-1. Making it takes the time and the memory of the shuffle.
  std::function<int64_t(int64_t place)> order() const;

 private:
  SplitOptions options_;
  bool in_text_order_;
  int64_t first_;  // place of the part's first window in the order
  int64_t length_;
  int64_t permuted_;  // windows that the order permutes
};

}  // namespace aot
