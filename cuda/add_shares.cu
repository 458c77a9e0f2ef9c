// The sum of all replicas' shares of a piece of the gradients.
//
// Limited by memory: for n ranks and c elements it reads 4 n c bytes and writes 4 c.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;

// Added in the order of the ranks, whichever of them does it: the bits do not depend on who has which segment.
// aligned: data is, to 16 bytes; shares are.
template <bool aligned>
__global__ void __launch_bounds__(threads)
    add_shares_kernel(const float* shares, int64_t stride, int ranks, int own, int64_t count, float* data) {
  const auto of = [&](int rank) { return rank == own ? data : shares + (rank < own ? rank : rank - 1) * stride; };
  const int64_t first = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * threads;
  const int64_t packs = aligned ? count / 4 : 0;
  for (int64_t i = first; i < packs; i += step) {
    float sum[4];
    load_pack(sum, of(0) + 4 * i);
    for (int rank = 1; rank < ranks; rank++) {
      float share[4];
      load_pack(share, of(rank) + 4 * i);
#pragma unroll
      for (int e = 0; e < 4; e++) sum[e] += share[e];
    }
    store_pack(data + 4 * i, sum);
  }
  for (int64_t i = 4 * packs + first; i < count; i += step) {
    float sum = of(0)[i];
    for (int rank = 1; rank < ranks; rank++) sum += of(rank)[i];
    data[i] = sum;
  }
}

}  // namespace

void add_shares(Stream stream, int multiprocessors, const float* shares, int64_t stride, int ranks, int own,
                int64_t count, float* data) {
  if (count == 0) return;
  const int blocks = std::min(ceil_div(count, threads * 4), multiprocessors * 8);
  const bool aligned = reinterpret_cast<uintptr_t>(data) % 16 == 0;
  launch(stream, aligned ? add_shares_kernel<true> : add_shares_kernel<false>, blocks, threads, 0, shares, stride,
         ranks, own, count, data);
}

}  // namespace aot::cuda
