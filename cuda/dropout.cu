// Dropout where it is not fused into a product.
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

__device__ __forceinline__ void load_whole(float (&x)[4], const float* from) { load_pack(x, from); }
__device__ __forceinline__ void load_whole(float (&x)[4], const bf16* from) {
  uint32_t r[2];
  load8(r, from);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    x[2 * i] = low_bf16(r[i]);
    x[2 * i + 1] = high_bf16(r[i]);
  }
}
template <class E>
__device__ __forceinline__ void load_some(float (&x)[4], const E* from, int64_t rest, bool whole) {
  if (whole) return load_whole(x, from);
#pragma unroll
  for (int e = 0; e < 4; e++) x[e] = e < rest ? to_float(from[e]) : 0;
}
template <class E>
__device__ __forceinline__ void store_some(E* to, const float (&x)[4], int64_t rest, bool whole) {
  if (whole) return store_few(to, x);
#pragma unroll
  for (int e = 0; e < 4; e++) {
    if (e < rest) to[e] = from_float<E>(x[e]);
  }
}

template <class From, class E>
__global__ void __launch_bounds__(threads)
    kernel(const From* from, DropoutArguments dropout, int64_t per_sequence, int64_t size, E* to) {
  for_elements(size, [&](int64_t i, bool whole) {
    float x[4];
    load_some(x, from + i, size - i, whole);
    if (dropout.threshold != 0) apply_dropout(x, dropout.pass->first_row * per_sequence + i, dropout);
    store_some(to + i, x, size - i, whole);
  });
}

template <class From, class E>
void drop(const Context& context, const From* from, const DropoutArguments& dropout, int window, Tensor to) {
  launch(context.stream, kernel<From, E>, ceil_div(to.size(), threads * 4), threads, 0, from, dropout, window * to.cols,
         to.size(), static_cast<E*>(to.data));
}

}  // namespace

void dropout_forward(const Context& context, Tensor x, const DropoutArguments& dropout, int window, Tensor y) {
  if (y.dtype == DType::bf16) {
    drop<bf16, bf16>(context, static_cast<const bf16*>(x.data), dropout, window, y);
  } else {
    drop<float, float>(context, x.f32(), dropout, window, y);
  }
}

void dropout_backward(const Context& context, Tensor dout, const DropoutArguments& dropout, int window,
                      float* bias_gradient, Tensor dy) {
  dy.dtype == DType::bf16 ? drop<float, bf16>(context, dout.f32(), dropout, window, dy)
                          : drop<float, float>(context, dout.f32(), dropout, window, dy);
  context.workspace->begin();
  add_column_sums(context, dy, bias_gradient);
}

}  // namespace aot::cuda
