// defines: aot::Tensor, aot::Arena
#pragma once
#include <cstdint>

#include "backend/dtype.h"

namespace aot {

// A contiguous row-major matrix in the memory of a device; not the owner.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::fp32;
  int64_t rows = 0, cols = 0;

  int64_t size() const { return rows * cols; }
  float* f32() const { return static_cast<float*>(data); }
  uint16_t* b16() const { return static_cast<uint16_t*>(data); }
  Tensor row(int64_t index) const {
    return {static_cast<char*>(data) + static_cast<size_t>(index * cols) * size_of(dtype), dtype, 1, cols};
  }
};

// Hands out tensors from one block, one after the other, each aligned to 256 bytes. Over a null base it only counts:
// a dry run of the code that will take the tensors tells how large the block must be.
class Arena {
 public:
  Arena() = default;
  Arena(void* base, size_t capacity) : base_(static_cast<char*>(base)), capacity_(capacity) {}

  Tensor take(int64_t rows, int64_t cols, DType dtype = DType::fp32);
  void* take_bytes(size_t bytes);
  void reset() { used_ = 0; }
  // Where the next tensor would start: keep it, and rewind() to it to give back what was taken since.
  size_t mark() const { return used_; }
  void rewind(size_t mark) { used_ = mark; }
  size_t peak() const { return peak_; }  // bytes

 private:
  char* base_ = nullptr;
  size_t capacity_ = 0, used_ = 0, peak_ = 0;
};

}  // namespace aot
