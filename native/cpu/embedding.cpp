// Token and position embeddings, their sum and its dropout.
#include "cpu/dropout.h"
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

template <class T>
void forward(const int32_t* inputs, int batch, int window, int64_t width, const float* token, const float* position,
             KeepBits keep, T* x) {
  for (int64_t r = 0; r < static_cast<int64_t>(batch) * window; r++) {
    const float* from = token + inputs[r] * width;
    const float* place = position ? position + r % window * width : nullptr;
    for_vectors(width, [&](int64_t i, auto lanes) {
      const int64_t at = r * width + i;
      const Vec sum = place ? load(from + i, lanes) + load(place + i, lanes) : load(from + i, lanes);
      store(x + at, dropped_out(keep, at, sum), lanes);
    });
  }
}

void embedding_forward(const int32_t* inputs, int batch, int window, int64_t width, const float* token,
                       const float* position, KeepBits keep, void* x, DType x_dtype) {
  if (x_dtype == DType::fp32) {
    forward(inputs, batch, window, width, token, position, keep, static_cast<float*>(x));
  } else {
    forward(inputs, batch, window, width, token, position, keep, static_cast<bf16*>(x));
  }
}

void embedding_backward(const int32_t* inputs, int batch, int window, int64_t width, const float* dx, KeepBits keep,
                        float* token_gradient, float* position_gradient) {
  for (int64_t r = 0; r < static_cast<int64_t>(batch) * window; r++) {
    float* to = token_gradient + inputs[r] * width;
    float* place = position_gradient ? position_gradient + r % window * width : nullptr;
    for_vectors(width, [&](int64_t i, auto lanes) {
      const int64_t at = r * width + i;
      const Vec g = dropped_out(keep, at, load(dx + at, lanes));
      store(to + i, load(to + i, lanes) + g, lanes);
      if (place) store(place + i, load(place + i, lanes) + g, lanes);
    });
  }
}

}  // namespace

void fill_embedding(Kernels& kernels) {
  kernels.embedding_forward = embedding_forward;
  kernels.embedding_backward = embedding_backward;
}

}  // namespace aot::cpu::AOT_ISA
