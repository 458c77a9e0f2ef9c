// Dropout where it is not fused into a product: in the backward pass.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;

// 4 elements a thread; whole tensors are aligned, so only the last thread may have fewer.
template <class Body>
__device__ __forceinline__ void for_elements(int64_t size, Body body) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 4;
  if (i < size) body(i, size - i >= 4);
}

__device__ __forceinline__ void load_some(float (&x)[4], const float* from, int64_t rest, bool whole) {
  if (whole) return load_pack(x, from);
#pragma unroll
  for (int e = 0; e < 4; e++) x[e] = e < rest ? from[e] : 0;
}
template <class E>
__device__ __forceinline__ void store_some(E* to, const float (&x)[4], int64_t rest, bool whole) {
  if (whole) return store_few(to, x);
#pragma unroll
  for (int e = 0; e < 4; e++) {
    if (e < rest) to[e] = from_float<E>(x[e]);
  }
}

template <class E>
__global__ void __launch_bounds__(threads)
    backward_kernel(const float* dout, DropoutArguments dropout, int64_t per_sequence, int64_t size, E* dy) {
  for_elements(size, [&](int64_t i, bool whole) {
    float x[4];
    load_some(x, dout + i, size - i, whole);
    if (dropout.threshold != 0) apply_dropout(x, dropout.pass->first_row * per_sequence + i, dropout);
    store_some(dy + i, x, size - i, whole);
  });
}

}  // namespace

void dropout_backward(const Context& context, Tensor dout, const DropoutArguments& dropout, int window,
                      float* bias_gradient, Tensor dy) {
  const int blocks = ceil_div(dout.size(), threads * 4);
  if (dy.dtype == DType::bf16) {
    launch(context.stream, backward_kernel<bf16>, blocks, threads, 0, dout.f32(), dropout, window * dout.cols,
           dout.size(), static_cast<bf16*>(dy.data));
  } else {
    launch(context.stream, backward_kernel<float>, blocks, threads, 0, dout.f32(), dropout, window * dout.cols,
           dout.size(), dy.f32());
  }
  context.workspace->begin();
  add_column_sums(context, dy, bias_gradient);
}

}  // namespace aot::cuda
