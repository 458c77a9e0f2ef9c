// defines: the instructions of common.cuh for nvcc, launches, errors of the CUDA runtime
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels.h"

// What sm_80 brought. nvcc's default architecture is older, and a file must compile for it as well; nothing runs there:
// find_device() refuses such a GPU.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define AOT_SM80(...) __trap()
#else
#define AOT_SM80(...) asm volatile(__VA_ARGS__)
#endif

#define AOT_SHARED(type, name, dims) __shared__ type name dims
#define AOT_DYNAMIC_SHARED(type, name)                                \
  extern __shared__ __align__(16) unsigned char aot_dynamic_shared[]; \
  type* name = reinterpret_cast<type*>(aot_dynamic_shared)

namespace aot::cuda {

using bf16 = __nv_bfloat16;

__device__ __forceinline__ float to_float(bf16 x) { return __bfloat162float(x); }
__device__ __forceinline__ bf16 to_bf16(float x) { return __float2bfloat16_rn(x); }
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);  // one instruction
  uint32_t bits;
  memcpy(&bits, &pair, 4);
  return bits;
}

__device__ __forceinline__ void load16(uint32_t (&r)[4], const void* p) {
  const uint4 v = *static_cast<const uint4*>(p);
  r[0] = v.x;
  r[1] = v.y;
  r[2] = v.z;
  r[3] = v.w;
}
__device__ __forceinline__ void store16(void* p, const uint32_t (&r)[4]) {
  *static_cast<uint4*>(p) = make_uint4(r[0], r[1], r[2], r[3]);
}

__device__ __forceinline__ void load8(uint32_t (&r)[2], const void* p) {
  const uint2 v = *static_cast<const uint2*>(p);
  r[0] = v.x;
  r[1] = v.y;
}
__device__ __forceinline__ void store8(void* p, const uint32_t (&r)[2]) {
  *static_cast<uint2*>(p) = make_uint2(r[0], r[1]);
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// c[16x8] += a[16x16] b[16x8]; fragments as in the PTX manual, m16n8k16.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  AOT_SM80("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
           : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
           : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// `count` of them side by side, with one a: once around for the emulated device.
template <int count>
__device__ __forceinline__ void mma_bf16_row(float (&c)[count][4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[count][2]) {
#pragma unroll
  for (int i = 0; i < count; i++) mma_bf16(c[i], a, b[i]);
}
// Four 8x8 matrices of 16-bit elements; lane 8*i + j names row j of matrix i, aligned to 16 bytes.
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(uint32_t (&r)[4], const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}

// Both aligned to `bytes`. Reads the first `read` bytes and writes zeros for the others; `global` must be a legal
// address even when nothing is read.
template <int bytes>
__device__ __forceinline__ void cp_async_part(void* shared, const void* global, int read) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  if constexpr (bytes == 16) {
    AOT_SM80("cp.async.cg.shared.global [%0],[%1],16,%2;" ::"r"(shared_address(shared)), "l"(global), "r"(read)
             : "memory");
  } else {
    AOT_SM80("cp.async.ca.shared.global [%0],[%1],%3,%2;" ::"r"(shared_address(shared)), "l"(global), "r"(read),
             "n"(bytes)
             : "memory");
  }
}
template <int bytes>
__device__ __forceinline__ void cp_async(void* shared, const void* global, bool ok) {
  cp_async_part<bytes>(shared, global, ok ? bytes : 0);
}
__device__ __forceinline__ void cp_async_commit() { AOT_SM80("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `groups` of this thread's commits are outstanding; others' copies need a barrier as well.
template <int groups>
__device__ __forceinline__ void cp_async_wait() {
  AOT_SM80("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0,%1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float exp_fast(float x) { return __expf(x); }
// 16 bytes past the first-level cache: what other blocks wrote during this launch.
__device__ __forceinline__ void load16_l2(uint32_t (&r)[4], const void* p) {
  asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "l"(p)
               : "memory");
}

// A barrier among blocks of a cooperative launch, in two halves, so that a block has something to do between them. All
// threads of a block call both. counter, in device memory, is 0 before the launch. What a block wrote before it arrived
// the others see when they have waited for `arrivals`, counted from the launch on.
__device__ __forceinline__ void arrive(unsigned* counter) {
  __syncthreads();
  if (threadIdx.x == 0) asm volatile("red.release.gpu.global.add.u32 [%0],1;" ::"l"(counter) : "memory");
}
__device__ __forceinline__ void wait_for(const unsigned* counter, unsigned arrivals) {
  if (threadIdx.x == 0) {
    unsigned arrived;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0,[%1];" : "=r"(arrived) : "l"(counter) : "memory");
    } while (arrived < arrivals);
  }
  __syncthreads();
}

// Throws what `status` says of `call`.
void check(cudaError_t status, const char* call);
// A kernel may take more than 48 KiB of dynamic shared memory only where this was said.
void allow_shared(const void* kernel, size_t shared_bytes);

template <class T>
struct Same {
  using type = T;
};

template <class... P>
void launch(Stream stream, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
            typename Same<P>::type... arguments) {
  allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
  kernel<<<grid, block, shared_bytes, reinterpret_cast<cudaStream_t>(stream)>>>(arguments...);
  check(cudaGetLastError(), "a kernel launch");
}

template <class... P>
void launch_cooperative(Stream stream, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                        typename Same<P>::type... arguments) {
  allow_shared(reinterpret_cast<const void*>(kernel), shared_bytes);
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
  check(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, shared_bytes,
                                    reinterpret_cast<cudaStream_t>(stream)),
        "a cooperative kernel launch");
}

}  // namespace aot::cuda
