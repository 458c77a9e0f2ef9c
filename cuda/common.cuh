// defines: what kernels are written with
//
// One source for nvcc and for the host compiler: a kernel uses CUDA's own words (threadIdx, __syncthreads,
// __shfl_xor_sync) and, for everything that is an instruction rather than a language feature, the functions below and
// those of gpu.cuh, whose twins for the emulated device are in emulate/emulate.cuh:
//
//   AOT_SHARED(float, sums, [32]);         static shared memory: `__shared__ float sums[32]`
//   AOT_DYNAMIC_SHARED(bf16, tile);        the launch's dynamic shared memory, aligned to 16 bytes
//   load16(r, p), store16(p, r)            16 bytes, aligned, as uint32_t r[4]; load8, store8: 8 bytes as r[2]
//   cp_async<4 | 8 | 16>(shared, global, ok), cp_async_part, cp_async_commit(), cp_async_wait<N>()
//   ldmatrix_x4(r, p), ldmatrix_x4_trans(r, p), mma_bf16(c, a, b), mma_bf16_row(c[count], a, b[count])
//   exp2_fast(x), exp_fast(x), pack_bf16(low, high), to_float(x), from_float<E>(x)
//   load16_l2(r, p), arrive(counter), wait_for(counter, arrivals)          between the blocks of a cooperative launch
//   launch(context.stream, kernel, grid, block, shared_bytes, arguments...), launch_cooperative(...)
#pragma once
#include <cstdint>
#include <cstring>

#include "kernels.h"

#ifdef __CUDACC__
#include "gpu.cuh"
#else
#include "emulate/emulate.cuh"
#endif

namespace aot::cuda {

constexpr uint32_t full_mask = 0xffffffffu;
constexpr float log2_e = 1.4426950408889634f, ln_2 = 0.6931471805599453f;

__device__ __forceinline__ float to_float(float x) { return x; }
template <class E>
__device__ __forceinline__ E from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float x) {
  return to_bf16(x);
}

// --- 16 bytes of elements as floats ------------------------------------------------------------------------------

template <class E>
constexpr int pack_size = static_cast<int>(16 / sizeof(E));

__device__ __forceinline__ float low_bf16(uint32_t pair) {
  const uint32_t bits = pair << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
__device__ __forceinline__ float high_bf16(uint32_t pair) {
  const uint32_t bits = pair & 0xffff0000u;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

__device__ __forceinline__ void load_pack(float (&x)[4], const float* from) {
  uint32_t r[4];
  load16(r, from);
  memcpy(x, r, 16);
}
__device__ __forceinline__ void load_pack(float (&x)[8], const bf16* from) {
  uint32_t r[4];
  load16(r, from);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    x[2 * i] = low_bf16(r[i]);
    x[2 * i + 1] = high_bf16(r[i]);
  }
}
__device__ __forceinline__ void store_pack(float* to, const float (&x)[4]) {
  uint32_t r[4];
  memcpy(r, x, 16);
  store16(to, r);
}
__device__ __forceinline__ void store_pack(bf16* to, const float (&x)[8]) {
  uint32_t r[4];
#pragma unroll
  for (int i = 0; i < 4; i++) r[i] = pack_bf16(x[2 * i], x[2 * i + 1]);
  store16(to, r);
}

// One element, or four that are aligned together: for rows of any width, by a template over `width`.
template <int width>
__device__ __forceinline__ void load_few(float (&x)[width], const float* from) {
  static_assert(width == 1 || width == 4);
  if constexpr (width == 4) {
    load_pack(x, from);
  } else {
    x[0] = *from;
  }
}
template <int width>
__device__ __forceinline__ void store_few(float* to, const float (&x)[width]) {
  static_assert(width == 1 || width == 4);
  if constexpr (width == 4) {
    store_pack(to, x);
  } else {
    *to = x[0];
  }
}
template <int width>
__device__ __forceinline__ void store_few(bf16* to, const float (&x)[width]) {
  static_assert(width == 1 || width == 4);
  if constexpr (width == 4) {
    const uint32_t pairs[2] = {pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3])};
    store8(to, pairs);
  } else {
    *to = to_bf16(x[0]);
  }
}

// Four elements, or the first `count` of them. whole: all four, aligned together.
__device__ __forceinline__ void load4(float (&x)[4], const float* from, int count, bool whole) {
  if (whole) return load_pack(x, from);
#pragma unroll
  for (int i = 0; i < 4; i++) x[i] = i < count ? from[i] : 0;
}
__device__ __forceinline__ void load4(float (&x)[4], const bf16* from, int count, bool whole) {
  if (whole) {
    uint32_t r[2];
    load8(r, from);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      x[2 * i] = low_bf16(r[i]);
      x[2 * i + 1] = high_bf16(r[i]);
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; i++) x[i] = i < count ? to_float(from[i]) : 0;
}
__device__ __forceinline__ void store4(float* to, const float (&x)[4], int count, bool whole) {
  if (whole) return store_pack(to, x);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (i < count) to[i] = x[i];
  }
}
__device__ __forceinline__ void store4(bf16* to, const float (&x)[4], int count, bool whole) {
  if (whole) return store8(to, {pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3])});
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (i < count) to[i] = to_bf16(x[i]);
  }
}

// Whether rows of `cols` elements after a base aligned to 16 bytes are all aligned to 16 bytes.
template <class E>
constexpr bool rows_aligned(int64_t cols) {
  return cols % pack_size<E> == 0;
}
inline bool aligned16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// --- sums in a fixed order ---------------------------------------------------------------------------------------

// Every lane gets the result.
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(full_mask, x, offset);
  return x;
}
// Every thread of a block of whole warps gets the result. scratch: shared memory, a float a warp, free again after the
// next __syncthreads().
__device__ __forceinline__ float block_sum(float x, float* scratch) {
  x = warp_sum(x);
  const int warps = blockDim.x / 32;
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < warps; warp++) sum += scratch[warp];
  return sum;
}

// --- Philox 4x32-10, as native/backend/rng.h -----------------------------------------------------------------------

__device__ __forceinline__ void philox(uint32_t (&counter)[4], const uint32_t (&key)[20]) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = 0xD2511F53ull * counter[0], product1 = 0xCD9E8D57ull * counter[2];
    counter[0] = static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[2 * round];
    counter[1] = static_cast<uint32_t>(product1);
    counter[2] = static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[2 * round + 1];
    counter[3] = static_cast<uint32_t>(product0);
  }
}

// The words of elements 4*group to 4*group + 3 of the global batch.
__device__ __forceinline__ void element_words(uint32_t (&words)[4], uint64_t group, const DropoutArguments& dropout) {
  words[0] = static_cast<uint32_t>(group);
  words[1] = static_cast<uint32_t>(group >> 32);
  words[2] = dropout.pass->minibatch;
  words[3] = dropout.site;
  philox(words, dropout.key);
}

// What element `index` of the global batch is multiplied by: 0 or 1/(1-rate); 1 without dropout.
__device__ __forceinline__ float keep_element(uint64_t index, const DropoutArguments& dropout) {
  if (dropout.threshold == 0) return 1;
  uint32_t words[4];
  element_words(words, index / 4, dropout);
  // Without an index into the array, which would put it into memory.
  const uint32_t word = index & 2 ? (index & 1 ? words[3] : words[2]) : (index & 1 ? words[1] : words[0]);
  return word < dropout.threshold ? 0 : dropout.scale;
}

// The same for `count` elements in a row: a call of Philox for four of them when index is a multiple of 4.
template <int count>
__device__ __forceinline__ void apply_dropout(float (&x)[count], uint64_t index, const DropoutArguments& dropout) {
  if (dropout.threshold == 0) return;
  if (count % 4 == 0 && index % 4 == 0) {
#pragma unroll
    for (int group = 0; group < count / 4; group++) {
      uint32_t words[4];
      element_words(words, index / 4 + group, dropout);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        x[4 * group + i] = words[i] < dropout.threshold ? 0 : x[4 * group + i] * dropout.scale;
      }
    }
  } else {
#pragma unroll
    for (int i = 0; i < count; i++) x[i] *= keep_element(index + i, dropout);
  }
}

inline int ceil_div(int64_t a, int64_t b) { return static_cast<int>((a + b - 1) / b); }

}  // namespace aot::cuda
