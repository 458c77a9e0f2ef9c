// defines: CUDA's words and the instructions of common.cuh for the host compiler, launches
//
// Included by common.cuh instead of gpu.cuh. Kernels are ordinary functions here, called once a fiber by scheduler.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "emulate/scheduler.h"
#include "emulate/stream.h"
#include "kernels.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define threadIdx (aot::emulate::current->index)
#define blockIdx (aot::emulate::current_block->index)
#define blockDim (aot::emulate::current_block->size)
#define gridDim (aot::emulate::current_block->grid)

#define AOT_SHARED(type, name, dims) \
  static const char name##_key = 0;  \
  typedef type name##_type dims;     \
  name##_type& name = *static_cast<name##_type*>(aot::emulate::shared_variable(&name##_key, sizeof(name##_type)))
#define AOT_DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(aot::emulate::current_block->dynamic_shared)

using std::max;
using std::min;

inline void __syncthreads() { aot::emulate::barrier(); }
inline void __syncwarp(uint32_t mask = ~0u) {
  static const char identity = 0;
  aot::emulate::collective(mask, &identity, [](aot::emulate::Thread*, uint32_t) {});
}

namespace aot::emulate {

// source(lane): the lane whose value a lane gets.
template <class T, class Source>
inline T shuffle(uint32_t mask, T value, Source source) {
  static_assert(sizeof(T) <= 8);
  static const char identity = 0;
  Thread* me = current;
  std::memcpy(&me->in, &value, sizeof(T));
  me->source = source(me->lane);
  collective(mask, &identity, [](Thread* lanes, uint32_t taking_part) {
    for (; taking_part; taking_part &= taking_part - 1) {
      Thread& thread = lanes[__builtin_ctz(taking_part)];
      thread.out = lanes[thread.source].in;
    }
  });
  std::memcpy(&value, &me->out, sizeof(T));
  return value;
}

inline void check_alignment(const void* p, size_t bytes, const char* what) {
  if (reinterpret_cast<uintptr_t>(p) % bytes != 0) {
    kernel_error(std::string(what) + " at an address that is not aligned to " + std::to_string(bytes) + " bytes");
  }
}

}  // namespace aot::emulate

template <class T>
inline T __shfl_sync(uint32_t mask, T value, int source, int width = 32) {
  return aot::emulate::shuffle(mask, value, [=](int lane) { return (lane & ~(width - 1)) | (source & (width - 1)); });
}
template <class T>
inline T __shfl_xor_sync(uint32_t mask, T value, int flip, int width = 32) {
  return aot::emulate::shuffle(mask, value, [=](int lane) {
    const int source = lane ^ flip;
    return source / width > lane / width ? lane : source;
  });
}
template <class T>
inline T __shfl_down_sync(uint32_t mask, T value, int delta, int width = 32) {
  return aot::emulate::shuffle(mask, value,
                               [=](int lane) { return (lane & (width - 1)) + delta < width ? lane + delta : lane; });
}
template <class T>
inline T __shfl_up_sync(uint32_t mask, T value, int delta, int width = 32) {
  return aot::emulate::shuffle(mask, value,
                               [=](int lane) { return (lane & (width - 1)) >= delta ? lane - delta : lane; });
}
inline uint32_t __ballot_sync(uint32_t mask, bool predicate) {
  static const char identity = 0;
  aot::emulate::Thread* me = aot::emulate::current;
  me->in = predicate;
  aot::emulate::collective(mask, &identity, [](aot::emulate::Thread* lanes, uint32_t taking_part) {
    uint32_t ballot = 0;
    for (uint32_t rest = taking_part; rest; rest &= rest - 1) {
      ballot |= static_cast<uint32_t>(lanes[__builtin_ctz(rest)].in) << __builtin_ctz(rest);
    }
    for (uint32_t rest = taking_part; rest; rest &= rest - 1) lanes[__builtin_ctz(rest)].out = ballot;
  });
  return static_cast<uint32_t>(me->out);
}
inline unsigned atomicAdd(unsigned* p, unsigned value) { return __atomic_fetch_add(p, value, __ATOMIC_RELAXED); }
inline int atomicAdd(int* p, int value) { return __atomic_fetch_add(p, value, __ATOMIC_RELAXED); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __fdividef(float a, float b) { return a / b; }
template <class T>
inline T __ldg(const T* p) {
  return *p;
}

namespace aot::cuda {

struct bf16 {
  uint16_t bits;
};
inline float to_float(bf16 x) { return from_bf16(x.bits); }
inline bf16 to_bf16(float x) { return {aot::to_bf16(x)}; }
inline uint32_t pack_bf16(float low, float high) {
  return aot::to_bf16(low) | static_cast<uint32_t>(aot::to_bf16(high)) << 16;
}

inline void load16(uint32_t (&r)[4], const void* p) {
  emulate::check_alignment(p, 16, "a load of 16 bytes");
  std::memcpy(r, p, 16);
}
inline void store16(void* p, const uint32_t (&r)[4]) {
  emulate::check_alignment(p, 16, "a store of 16 bytes");
  std::memcpy(p, r, 16);
}
inline void load8(uint32_t (&r)[2], const void* p) {
  emulate::check_alignment(p, 8, "a load of 8 bytes");
  std::memcpy(r, p, 8);
}
inline void store8(void* p, const uint32_t (&r)[2]) {
  emulate::check_alignment(p, 8, "a store of 8 bytes");
  std::memcpy(p, r, 8);
}

// In instructions.cpp: what a whole warp does together.
void mma_bf16_row(float (*c)[4], const uint32_t (&a)[4], const uint32_t (*b)[2], int count);
template <int count>
void mma_bf16_row(float (&c)[count][4], const uint32_t (&a)[4], const uint32_t (&b)[count][2]) {
  mma_bf16_row(c, a, b, count);
}
inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16_row(&c, a, &b, 1); }
void ldmatrix_x4(uint32_t (&r)[4], const void* p);
void ldmatrix_x4_trans(uint32_t (&r)[4], const void* p);

inline void do_copy(void* to, const void* from, int bytes, int read) {
  std::memset(to, 0, static_cast<size_t>(bytes));
  if (read > 0) std::memcpy(to, from, static_cast<size_t>(read));
}
// Done when it is waited for, so that a forgotten wait shows; or at once, so that a buffer refilled too early does.
template <int bytes>
inline void cp_async_part(void* shared, const void* global, int read) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  emulate::check_alignment(shared, bytes, "cp.async to shared memory");
  emulate::check_alignment(global, bytes, "cp.async from global memory");
  if (emulate::copies_at_once()) {
    do_copy(shared, global, bytes, read);
  } else {
    emulate::Thread* me = emulate::current;
    me->copies.push_back({shared, global, bytes, read, me->copy_group});
  }
}
template <int bytes>
inline void cp_async(void* shared, const void* global, bool ok) {
  cp_async_part<bytes>(shared, global, ok ? bytes : 0);
}
inline void cp_async_commit() { emulate::current->copy_group++; }
template <int groups>
inline void cp_async_wait() {
  emulate::Thread* me = emulate::current;
  auto copy = me->copies.begin();
  for (; copy != me->copies.end() && copy->group < me->copy_group - groups; copy++) {
    do_copy(copy->to, copy->from, copy->bytes, copy->read);
  }
  me->copies.erase(me->copies.begin(), copy);
}

inline float exp2_fast(float x) { return std::exp2(x); }
inline float exp_fast(float x) { return std::exp(x); }
inline void load16_l2(uint32_t (&r)[4], const void* p) { load16(r, p); }
inline void arrive(unsigned* counter) {
  __syncthreads();
  if (threadIdx.x == 0) emulate::signal(counter);
}
inline void wait_for(const unsigned* counter, unsigned arrivals) {
  if (threadIdx.x == 0) emulate::wait_until(counter, arrivals);
  __syncthreads();
}

template <class T>
struct Same {
  using type = T;
};

// As on a GPU the arguments are copied at the launch and the kernel runs later, when the stream is waited for.
template <class... P>
void launch(Stream stream, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
            typename Same<P>::type... arguments) {
  emulate::enqueue(stream, [=] {
    auto call = [&] { kernel(arguments...); };
    emulate::run_grid(
        grid, block, shared_bytes, [](void* body) { (*static_cast<decltype(call)*>(body))(); }, &call, false);
  });
}
template <class... P>
void launch_cooperative(Stream stream, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                        typename Same<P>::type... arguments) {
  emulate::enqueue(stream, [=] {
    auto call = [&] { kernel(arguments...); };
    emulate::run_grid(
        grid, block, shared_bytes, [](void* body) { (*static_cast<decltype(call)*>(body))(); }, &call, true);
  });
}

}  // namespace aot::cuda
