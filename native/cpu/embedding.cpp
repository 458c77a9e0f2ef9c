// Token and position embeddings, their sum and its dropout.
#include "cpu/dropout.h"
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

void embedding_forward(const int32_t* inputs, int batch, int window, int64_t width, const float* token,
                       const float* position, KeepBits keep, float* x) {
  for (int64_t r = 0; r < static_cast<int64_t>(batch) * window; r++) {
    const float *from = token + inputs[r] * width, *place = position + r % window * width;
    for_vectors(width, [&](int64_t i, auto lanes) {
      const int64_t at = r * width + i;
      store(x + at, dropped_out(keep, at, load(from + i, lanes) + load(place + i, lanes)), lanes);
    });
  }
}

void embedding_backward(const int32_t* inputs, int batch, int window, int64_t width, const float* dx, KeepBits keep,
                        float* token_gradient, float* position_gradient) {
  for (int64_t r = 0; r < static_cast<int64_t>(batch) * window; r++) {
    float *to = token_gradient + inputs[r] * width, *place = position_gradient + r % window * width;
    for_vectors(width, [&](int64_t i, auto lanes) {
      const int64_t at = r * width + i;
      const Vec g = dropped_out(keep, at, load(dx + at, lanes));
      store(to + i, load(to + i, lanes) + g, lanes);
      store(place + i, load(place + i, lanes) + g, lanes);
    });
  }
}

}  // namespace

void fill_embedding(Kernels& kernels) {
  kernels.embedding_forward = embedding_forward;
  kernels.embedding_backward = embedding_backward;
}

}  // namespace aot::cpu::AOT_ISA
