// defines: HiddenShares, carry_back: the products of one token's step, for all sequences of a slice
#pragma once
#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace aot::cpu::AOT_ISA {

// h weight_hh^T of one token: [batch, gates * width], rows `stride` floats apart.
template <class T>
class HiddenShares {
 public:
  HiddenShares(Scratch& scratch, RnnShape shape, int gates, const void* packed)
      : scratch_(scratch),
        shape_(shape),
        columns_(gates * shape.width),
        stride_(round_up(columns_, W)),
        packed_(packed),
        values_(static_cast<float*>(scratch.get(
            Scratch::sums, round_up(shape.batch, tile_rows) * stride_ * static_cast<int64_t>(sizeof(float))))) {}

  // previous: the hidden state before the token, the first sequence's row; null: zero.
  void compute(const T* previous) {
    if (!previous) {
      __builtin_memset(values_, 0, static_cast<size_t>(shape_.batch * stride_) * sizeof(float));
      return;
    }
    const int64_t units = units_of<T>(shape_.width);
    const Left left = left_rows(scratch_, previous, shape_.window * shape_.width, shape_.batch, shape_.width);
    multiply_to<T, false>(left, packed_, units * tile_columns, shape_.batch, columns_, units, shape_.batch, values_,
                          stride_, {.padded = true, .from_last = from_last_});
    from_last_ = !from_last_;
  }
  const float* row(int sequence) const { return values_ + sequence * stride_; }

 private:
  Scratch& scratch_;
  const RnnShape shape_;
  const int64_t columns_, stride_;
  const void* packed_;
  float* const values_;
  bool from_last_ = false;
};

// dstate (rows `stride` floats apart) += the gradients of token t's hidden shares x weight_hh.
template <class T>
void carry_back(Scratch& scratch, RnnShape shape, int gates, int64_t t, const T* dhidden, const void* packed,
                float* dstate, int64_t stride) {
  const int64_t units = units_of<T>(gates * shape.width), row = gates * shape.width;
  const Left left = left_rows(scratch, dhidden, shape.window * row, shape.batch, row);
  multiply_to<T, false>(left, packed, units * tile_columns, shape.batch, shape.width, units, shape.batch, dstate,
                        stride, {.accumulate = true, .from_last = t % 2 == 1});
}

}  // namespace aot::cpu::AOT_ISA
