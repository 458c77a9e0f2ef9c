// The gradients' global norm and AdamW: one pass over the gradients, then one over all that a parameter has.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;
constexpr int norm_blocks = 1024;  // fixed, so that the norm is the same on every GPU

__device__ __forceinline__ double block_sum(double x, double* scratch) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(full_mask, x, offset);
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < threads / 32; warp++) sum += scratch[warp];
  return sum;
}

// squares[block]: its share of the gradients' sum of squares. count is a multiple of 4: blocks of parameters are.
__global__ void __launch_bounds__(threads)
    squares_kernel(const float* gradients, int64_t count, double* squares, StepResult* result) {
  AOT_SHARED(double, scratch, [threads / 32]);
  // Here, because every block of the next kernel reads it.
  if (blockIdx.x == 0 && threadIdx.x == 0) result->stopped = result->failed;
  double sum = 0;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * threads * 4;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 4; i < count; i += stride) {
    float g[4];
    load_pack(g, gradients + i);
#pragma unroll
    for (int e = 0; e < 4; e++) sum += static_cast<double>(g[e]) * g[e];
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

// Every block adds up the shares itself, in the same order, which saves a launch.
__global__ void __launch_bounds__(threads)
    adamw_kernel(int64_t count, const double* squares, const AdamWStep* arguments, float* weights, float* gradients,
                 float* moment1, float* moment2, bf16* rounded, StepResult* result) {
  AOT_SHARED(double, scratch, [threads / 32]);
  double sum = 0;
  for (int i = threadIdx.x; i < norm_blocks; i += threads) sum += squares[i];
  const double norm = sqrt(block_sum(sum, scratch));
  const bool finite = norm < INFINITY;  // NaN is not below
  const bool taken = finite && result->stopped == 0;
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    result->norm = finite && !taken ? NAN : norm;
    if (!taken) result->failed = 1;
  }
  const AdamWStep step = *arguments;
  const float coefficient = step.clip > 0 ? static_cast<float>(fmin(1.0, step.clip / (norm + 1e-6))) : 1;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * threads * 4;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 4; i < count; i += stride) {
    if (taken) {
      float g[4], m[4], v[4], w[4];
      load_pack(g, gradients + i);
      load_pack(m, moment1 + i);
      load_pack(v, moment2 + i);
      load_pack(w, weights + i);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float gradient = g[e] * coefficient;
        m[e] = fmaf(gradient - m[e], step.one_minus_beta1, m[e]);
        v[e] = fmaf(gradient * gradient, step.one_minus_beta2, v[e] * step.beta2);
        const float denominator = fmaf(sqrtf(v[e]), step.root_scale, step.epsilon);
        w[e] = w[e] * step.decay - step.step_size * (m[e] / denominator);
      }
      store_pack(moment1 + i, m);
      store_pack(moment2 + i, v);
      store_pack(weights + i, w);
      if (rounded) {
        const uint32_t pairs[2] = {pack_bf16(w[0], w[1]), pack_bf16(w[2], w[3])};
        store8(rounded + i, pairs);
      }
    }
    store_pack(gradients + i, {0, 0, 0, 0});
  }
}

__global__ void __launch_bounds__(threads) round_kernel(int64_t count, const float* weights, bf16* rounded) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * threads * 4;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 4; i < count; i += stride) {
    float w[4];
    load_pack(w, weights + i);
    const uint32_t pairs[2] = {pack_bf16(w[0], w[1]), pack_bf16(w[2], w[3])};
    store8(rounded + i, pairs);
  }
}

int blocks_for(const Context& context, int64_t count) {
  return std::min(ceil_div(count, threads * 4), context.multiprocessors * 8);
}

}  // namespace

void optimizer_step(const Context& context, int64_t count, const AdamWStep* step, float* weights, float* gradients,
                    float* moment1, float* moment2, void* bf16_weights, StepResult* result) {
  context.workspace->begin();
  auto* squares = static_cast<double*>(context.workspace->take(norm_blocks * sizeof(double), context.stream));
  launch(context.stream, squares_kernel, norm_blocks, threads, 0, gradients, count, squares, result);
  launch(context.stream, adamw_kernel, blocks_for(context, count), threads, 0, count, squares, step, weights, gradients,
         moment1, moment2, static_cast<bf16*>(bf16_weights), result);
}

void round_weights(const Context& context, int64_t count, const float* weights, void* bf16_weights) {
  launch(context.stream, round_kernel, blocks_for(context, count), threads, 0, count, weights,
         static_cast<bf16*>(bf16_weights));
}

}  // namespace aot::cuda
