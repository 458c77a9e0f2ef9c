// defines: Gemm, Finish, finish, tile_of, finish_tile, multiply_bf16, multiply_fp32
//
// What the built-in products share. A block makes a tile of sums in registers, puts it into shared memory, and there
// every thread finishes 4 columns of a row at a time: 16-byte accesses, one Philox call, and the epilogue's code exists
// once a kernel instead of once a register. Where there are too few tiles for all multiprocessors k is split: each
// split writes its sums to the workspace, and finish_sums() adds them in order.
#pragma once
#include "common.cuh"
#include "gelu.cuh"

namespace aot::cuda {

// What becomes of a sum: the tail of Product, as the kernels take it.
struct Finish {
  void *c = nullptr, *aux = nullptr;
  const float *bias = nullptr, *residual = nullptr;
  int64_t ldc = 0, rows_per_sequence = 0;
  int64_t first_row = 0;  // of the batch, when c is a part of the product
  int m = 0, n = 0;
  Product::Then then = Product::Then::store;
  bool bf16_out = false;
  bool wide = false;  // four columns in a row are aligned, in all of these
  DropoutArguments dropout;
};

struct Gemm {
  const void *a = nullptr, *b = nullptr;
  int64_t lda = 0, ldb = 0;
  int m = 0, n = 0, k = 0;
  int m_tiles = 0, n_tiles = 0;
  int split_k = 0;           // how much of k a block takes; its share is blockIdx.y
  float* partial = nullptr;  // [splits][m][partial_stride]: where the sums go when k is split
  int partial_stride = 0;    // n rounded up to 4
  int copy_width = 0;        // elements that can be copied at once in a and b
  Finish finish;
};

// --- the epilogue ------------------------------------------------------------------------------------------------

template <class E>
__device__ __forceinline__ void finish_as(const Finish& f, int row, int column, float (&v)[4]) {
  const int count = min(4, f.n - column);
  const bool whole = f.wide && count == 4;
  const int64_t at = row * f.ldc + column;
  E* c = static_cast<E*>(f.c) + at;
  float other[4];
  if (f.bias) {
    load4(other, f.bias + column, count, whole);
#pragma unroll
    for (int i = 0; i < 4; i++) v[i] += other[i];
  }
  switch (f.then) {
    case Product::Then::store:
      break;
    case Product::Then::accumulate:
      load4(other, c, count, whole);
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] += other[i];
      break;
    case Product::Then::gelu:
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const Gelu g = gelu(v[i]);
        v[i] = g.value;
        other[i] = g.derivative;
      }
      store4(static_cast<E*>(f.aux) + at, other, count, whole);
      break;
    case Product::Then::multiply:
      load4(other, static_cast<const E*>(f.aux) + at, count, whole);
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] *= other[i];
      break;
    case Product::Then::residual:
      if (f.dropout.threshold != 0) {
        const uint64_t first =
            static_cast<uint64_t>(f.dropout.pass->first_row) * f.rows_per_sequence + f.first_row + row;
        apply_dropout(v, first * f.n + column, f.dropout);
      }
      load4(other, f.residual + at, count, whole);
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] += other[i];
      break;
  }
  store4(c, v, count, whole);
}

// v: the sums of `row` in columns column to column+3, as far as these exist; column is a multiple of 4.
__device__ __forceinline__ void finish(const Finish& f, int row, int column, float (&v)[4]) {
  f.bf16_out ? finish_as<bf16>(f, row, column, v) : finish_as<float>(f, row, column, v);
}

// The same for a whole tile of sums in shared memory, or its share of a split's sums to the workspace.
template <int columns, int threads>
__device__ __forceinline__ void finish_tile(const Gemm& g, const float* sums, int stride, int rows, int first_row,
                                            int first_column) {
#pragma unroll 1
  for (int i = threadIdx.x; i < rows * columns / 4; i += threads) {
    const int row = i / (columns / 4), column = i % (columns / 4) * 4;
    if (first_row + row >= g.m || first_column + column >= g.n) continue;
    float v[4];
    load_pack(v, sums + row * stride + column);
    if (g.partial) {
      const int64_t at = static_cast<int64_t>(blockIdx.y) * g.m + first_row + row;
      store_pack(g.partial + at * g.partial_stride + first_column + column, v);
    } else {
      finish(g.finish, first_row + row, first_column + column, v);
    }
  }
}

// --- tiles -------------------------------------------------------------------------------------------------------

struct TilePlace {
  int row, column;
};
// Blocks that run at the same time should meet the same rows of a and of b in the second-level cache: the tiles are
// walked in bands of 8 tile rows, downwards first.
__device__ __forceinline__ TilePlace tile_of(int tile, int m_tiles, int n_tiles) {
  constexpr int band = 8;
  const int first = tile / (band * n_tiles) * band, rest = tile % (band * n_tiles), rows = min(band, m_tiles - first);
  return {first + rest % rows, rest / rows};
}

// --- host side -----------------------------------------------------------------------------------------------------

// Launches `small` or `large` over tiles of 64 or 128 rows and columns: large ones do more with what they read, small
// ones keep more multiprocessors busy and waste less at the edges. depth: k is split at multiples of it.
struct GemmKernel {
  void (*kernel)(Gemm);
  int threads;
  size_t shared_bytes;
};
void launch_gemm(const Context& context, const Product& product, Gemm gemm, const GemmKernel& small,
                 const GemmKernel& large, int depth);

// c from `splits` sums [splits][m][stride] in device memory, stride a multiple of 4.
void finish_sums(const Context& context, const Finish& finish, const float* sums, int splits, int stride);
Finish make_finish(const Product& product);

void multiply_bf16(const Context& context, const Product& product);
void multiply_fp32(const Context& context, const Product& product);

}  // namespace aot::cuda
