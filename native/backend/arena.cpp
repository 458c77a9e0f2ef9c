#include "backend/arena.h"

#include <algorithm>
#include <string>

#include "backend/error.h"

namespace aot {

void* Arena::take_bytes(size_t bytes) {
  const size_t at = used_;
  used_ += (bytes + 255) / 256 * 256;
  peak_ = std::max(peak_, used_);
  if (base_ && used_ > capacity_) {
    fail(ErrorCode::internal, "workspace of " + std::to_string(capacity_) + " bytes is too small: report this");
  }
  return base_ ? base_ + at : nullptr;
}

Tensor Arena::take(int64_t rows, int64_t cols, DType dtype) {
  return {take_bytes(static_cast<size_t>(rows * cols) * size_of(dtype)), dtype, rows, cols};
}

}  // namespace aot
