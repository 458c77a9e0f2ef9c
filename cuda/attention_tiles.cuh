// defines: aot::cuda::attention::WarpLane, load_rows, store_tile, the fragments of mma.sync, Kept
//
// Tiles of bf16 rows in shared memory and what warps do with them in pieces of 16 x 16. An accumulator float c[n][i] of
// a lane is element (group + i/2*8, n*8 + pair + i%2) of its tile of 16 rows.
#pragma once
#include "attention.cuh"

namespace aot::cuda::attention {

// Elements from one row to the next: an odd number of 16-byte units, so that ldmatrix meets no bank conflict.
template <int padded>
constexpr int row_stride = padded + 8;

struct WarpLane {
  int lane, warp, group, pair;
  __device__ __forceinline__ WarpLane()
      : lane(threadIdx.x % 32), warp(threadIdx.x / 32), group(lane / 4), pair(lane % 4 * 2) {}
};

// Two elements, aligned together.
__device__ __forceinline__ void copy4(void* to, const void* from) {
  memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(from, 4), 4);
}

// --- between device and shared memory ----------------------------------------------------------------------------

// Starts to copy rows [first, first + rows) of a head into a tile; zeros past the window and past head_dim. Complete
// after cp_async_wait and a barrier.
template <int padded, int rows, int threads>
__device__ __forceinline__ void load_rows(bf16* tile, const bf16* from, int64_t stride, int first,
                                          const Arguments<bf16>& a) {
  if (a.copy_bytes == 16) {
    load_chunks<8, padded, row_stride<padded>, rows, threads>(tile, from, stride, first, a);
  } else if (a.copy_bytes == 4) {
    load_chunks<2, padded, row_stride<padded>, rows, threads>(tile, from, stride, first, a);
  } else {
    load_chunks<1, padded, row_stride<padded>, rows, threads>(tile, from, stride, first, a);
  }
}

template <int width, int padded>
__device__ __forceinline__ void store_chunks(bf16* to, int64_t stride, int first, const bf16* staging,
                                             const WarpLane& at, const Arguments<bf16>& a) {
  constexpr int in_row = padded / width;
#pragma unroll 1
  for (int i = at.lane; i < 16 * in_row; i += 32) {
    const int row = i / in_row, column = i % in_row * width;
    if (first + row >= a.window || column >= a.head_dim) continue;
    const bf16* source = staging + row * row_stride<padded> + column;
    bf16* target = to + (first + row) * stride + column;
    if constexpr (width == 8) {
      uint32_t chunk[4];
      load16(chunk, source);
      store16(target, chunk);
    } else if constexpr (width == 2) {
      copy4(target, source);
    } else {
      *target = *source;
    }
  }
}

// Writes a warp's 16 rows, from `first` on, by way of `staging`: 16 rows of shared memory that only this warp uses.
// Rows group and group + 8 are multiplied by factor[0] and factor[1].
template <int padded>
__device__ __forceinline__ void store_tile(bf16* to, int64_t stride, int first, const float (&c)[padded / 8][4],
                                           const float (&factor)[2], bf16* staging, const WarpLane& at,
                                           const Arguments<bf16>& a) {
  __syncwarp();
#pragma unroll
  for (int half = 0; half < 2; half++) {
#pragma unroll
    for (int n = 0; n < padded / 8; n++) {
      const uint32_t pair = pack_bf16(c[n][half * 2] * factor[half], c[n][half * 2 + 1] * factor[half]);
      copy4(staging + (at.group + half * 8) * row_stride<padded> + n * 8 + at.pair, &pair);
    }
  }
  __syncwarp();
  if (a.copy_bytes == 16) {
    store_chunks<8, padded>(to, stride, first, staging, at, a);
  } else if (a.copy_bytes == 4) {
    store_chunks<2, padded>(to, stride, first, staging, at, a);
  } else {
    store_chunks<1, padded>(to, stride, first, staging, at, a);
  }
}

// --- fragments ---------------------------------------------------------------------------------------------------

// A: the 16 rows of a tile, its columns [16k, 16k + 16).
template <int padded>
__device__ __forceinline__ void load_a(uint32_t (&a)[4], const bf16* rows, int k, const WarpLane& at) {
  ldmatrix_x4(a, rows + at.lane % 16 * row_stride<padded> + k * 16 + at.lane / 16 * 8);
}
// B of A B: the 16 rows of a tile are the dimension that is summed over, its columns [16n, 16n + 16) those of the
// result.
template <int padded>
__device__ __forceinline__ void load_b(uint32_t (&b)[4], const bf16* rows, int n, const WarpLane& at) {
  ldmatrix_x4_trans(b, rows + at.lane % 16 * row_stride<padded> + n * 16 + at.lane / 16 * 8);
}
// B of A B^T: the 16 rows of a tile are the columns of the result, its columns [16k, 16k + 16) are summed over.
template <int padded>
__device__ __forceinline__ void load_b_transposed(uint32_t (&b)[4], const bf16* rows, int k, const WarpLane& at) {
  ldmatrix_x4(b, rows + (at.lane / 16 * 8 + at.lane % 8) * row_stride<padded> + k * 16 + at.lane / 8 % 2 * 8);
}
// Two neighbouring accumulators: 16 x 16 of the result.
__device__ __forceinline__ void mma_16x16(float (&left)[4], float (&right)[4], const uint32_t (&a)[4],
                                          const uint32_t (&b)[4]) {
  mma_bf16(left, a, {b[0], b[1]});
  mma_bf16(right, a, {b[2], b[3]});
}
// Accumulators of 16 x 16 as the A of another product.
__device__ __forceinline__ void round_to_a(uint32_t (&a)[4], const float (&left)[4], const float (&right)[4]) {
  a[0] = pack_bf16(left[0], left[1]);
  a[1] = pack_bf16(left[2], left[3]);
  a[2] = pack_bf16(right[0], right[1]);
  a[3] = pack_bf16(right[2], right[3]);
}

// --- products of a warp's own rows and the rows that come by ------------------------------------------------------
// A fragment of the rows that come by serves all of the warp's row tiles.

template <int padded, int row_tiles>
using Fragments = uint32_t[row_tiles][padded / 16][4];

template <int padded, int row_tiles>
__device__ __forceinline__ void load_fragments(Fragments<padded, row_tiles>& own, const bf16* rows,
                                               const WarpLane& at) {
#pragma unroll
  for (int t = 0; t < row_tiles; t++) {
#pragma unroll
    for (int k = 0; k < padded / 16; k++) load_a<padded>(own[t][k], rows + t * 16 * row_stride<padded>, k, at);
  }
}

// c += own passing^T, for 8 * columns passing rows. With `held` own is in registers, else it is read again from `rows`.
template <int padded, int row_tiles, int columns, bool held>
__device__ __forceinline__ void multiply_transposed(float (&c)[row_tiles][columns][4],
                                                    const Fragments<padded, row_tiles>& own, const bf16* rows,
                                                    const bf16* passing, const WarpLane& at) {
#pragma unroll
  for (int k = 0; k < padded / 16; k++) {
    uint32_t a[row_tiles][4];
#pragma unroll
    for (int t = 0; t < row_tiles; t++) {
      if constexpr (held) {
#pragma unroll
        for (int i = 0; i < 4; i++) a[t][i] = own[t][k][i];
      } else {
        load_a<padded>(a[t], rows + t * 16 * row_stride<padded>, k, at);
      }
    }
#pragma unroll
    for (int n = 0; n < columns / 2; n++) {
      uint32_t b[4];
      load_b_transposed<padded>(b, passing + n * 16 * row_stride<padded>, k, at);
#pragma unroll
      for (int t = 0; t < row_tiles; t++) mma_16x16(c[t][2 * n], c[t][2 * n + 1], a[t], b);
    }
  }
}

// sums += a passing, for 16 passing rows.
template <int padded, int row_tiles>
__device__ __forceinline__ void add_product(float (&sums)[row_tiles][padded / 8][4], const uint32_t (&a)[row_tiles][4],
                                            const bf16* passing, const WarpLane& at) {
#pragma unroll
  for (int n = 0; n < padded / 16; n++) {
    uint32_t b[4];
    load_b<padded>(b, passing, n, at);
#pragma unroll
    for (int t = 0; t < row_tiles; t++) mma_16x16(sums[t][2 * n], sums[t][2 * n + 1], a[t], b);
  }
}

// --- dropout -----------------------------------------------------------------------------------------------------

// Which of a lane's accumulators of a 16 x 16 tile dropout keeps: two calls of Philox for eight elements, and no word
// is thrown away. transposed: the tile's rows are keys, its columns queries.
template <bool transposed, bool dropping>
class Kept {
 public:
  __device__ __forceinline__ Kept(const Mask& mask, int first_query, int first_key, const WarpLane& at,
                                  const DropoutArguments& dropout) {
    if constexpr (dropping) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int row = at.group, column = at.pair + e;
        uint32_t words[4];
        mask.words(words, first_query + (transposed ? column : row), first_key + (transposed ? row : column), dropout);
#pragma unroll
        for (int n = 0; n < 2; n++) {
#pragma unroll
          for (int half = 0; half < 2; half++) {
            kept_[n][half * 2 + e] = words[transposed ? n * 2 + half : half * 2 + n] >= dropout.threshold;
          }
        }
      }
    }
  }
  // x, the accumulator [n][i], or 0.
  __device__ __forceinline__ float operator()(int n, int i, float x) const { return !dropping || kept_[n][i] ? x : 0; }

 private:
  bool kept_[2][4];
};

}  // namespace aot::cuda::attention
