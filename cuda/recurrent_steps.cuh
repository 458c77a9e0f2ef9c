// defines: run_steps
//
// A pass of a recurrent layer token by token, for every shape and device: the product of all sequences, then a kernel
// for what is left of the step.
#pragma once
#include "recurrent.cuh"

namespace aot::cuda::recurrent {

constexpr int step_threads = 256;

// Calls body(sequence, unit) for this thread's.
template <class Body>
__device__ __forceinline__ void for_unit(const LayerSize& size, Body body) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * step_threads + threadIdx.x;
  if (i < static_cast<int64_t>(size.batch) * size.width) {
    body(static_cast<int>(i / size.width), static_cast<int>(i % size.width));
  }
}

template <class P>
__global__ void __launch_bounds__(step_threads) start_kernel(P pass) {
  for_unit(pass.size, [&](int sequence, int unit) { *pass.carried(sequence, unit) = pass.start(sequence, unit); });
}

// products: P::sums values of each unit, in rows of `stride` for each sequence; null: zeros.
template <class P>
__global__ void __launch_bounds__(step_threads) step_kernel(P pass, int token, const float* products, int stride) {
  for_unit(pass.size, [&](int sequence, int unit) {
    const Place at{sequence, token, unit};
    float share[P::sums];
#pragma unroll
    for (int i = 0; i < P::sums; i++) {
      share[i] = products ? products[static_cast<int64_t>(sequence) * stride + i * pass.size.width + unit] : 0;
    }
    float* carried = pass.carried(sequence, unit);
    float value = *carried;
    pass.step(at, pass.load(at), share, value);
    *carried = value;
  });
}

// weight: weight_hh, in P's Element.
template <class P>
void run_steps(const Context& context, const P& pass, const void* weight) {
  const auto [batch, window, width] = pass.size;
  const int blocks = ceil_div(static_cast<int64_t>(batch) * width, step_threads);
  Product product;
  product.b = weight;
  product.in = sizeof(typename P::Element) == 2 ? DType::bf16 : DType::fp32;
  product.m = batch;
  product.n = static_cast<int64_t>(P::sums) * width;
  product.k = static_cast<int64_t>(P::depth) * width;
  product.lda = window * product.k;
  product.ldb = width;
  product.b_transposed = !P::backwards;
  product.ldc = ceil_div(product.n, 4) * 4;
  context.workspace->begin();
  float* products = context.workspace->take_floats(batch * product.ldc, context.stream);
  product.c = products;

  launch(context.stream, start_kernel<P>, blocks, step_threads, 0, pass);
  for (int step = 0; step < window; step++) {
    const int token = P::backwards ? window - 1 - step : step;
    const bool has_product = step > 0 || pass.from_state();
    if (has_product) {
      product.a = pass.passed + (P::backwards ? token + 1 : token) * product.k;
      multiply(context, product);
    }
    launch(context.stream, step_kernel<P>, blocks, step_threads, 0, pass, token, has_product ? products : nullptr,
           static_cast<int>(product.ldc));
  }
}

}  // namespace aot::cuda::recurrent
