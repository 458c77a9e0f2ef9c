// The built-in product of fp32 matrices: exact fp32 products and sums, each thread a few rows and columns of the tile
// in registers. Tiles of a and b lie in shared memory as [k][m] and [k][n]; the next ones are read into registers while
// these are multiplied.
#include "gemm.cuh"

namespace aot::cuda {
namespace {

constexpr int depth = 16;

// The share of a thread: `size` of `tile` rows (or columns) in groups of four, far apart, so that the threads of a warp
// read neighbouring groups.
template <int tile, int size>
__device__ __forceinline__ int place(int thread, int i) {
  return i / 4 * (tile / (size / 4)) + thread * 4 + i % 4;
}

template <int tile, int size>
__device__ __forceinline__ void load_share(float (&x)[size], const float* from, int thread) {
#pragma unroll
  for (int i = 0; i < size; i += 4) {
    float four[4];
    load_pack(four, from + place<tile, size>(thread, i));
#pragma unroll
    for (int e = 0; e < 4; e++) x[i + e] = four[e];
  }
}

// What a thread carries of a tile [size][depth] (or, transposed, [depth][size]) from device to shared memory.
template <int size, int threads, bool depth_first>
struct Carrier {
  static constexpr int count = size * depth / 4 / threads, columns = depth_first ? size : depth;
  static_assert(size * depth / 4 % threads == 0);
  float values[count][4];

  // matrix: rows along k when depth_first. Zeros outside of it.
  __device__ __forceinline__ void load(const float* from, int64_t stride, bool wide, int first, int end, int k,
                                       int k_end) {
    const int rows_end = depth_first ? k_end : end, columns_end = depth_first ? end : k_end;
#pragma unroll
    for (int i = 0; i < count; i++) {
      const int at = threadIdx.x + i * threads, row = (depth_first ? k : first) + at / (columns / 4),
                column = (depth_first ? first : k) + at % (columns / 4) * 4;
      const int there = row < rows_end ? min(4, columns_end - column) : 0;
      load4(values[i], from + row * stride + column, there, wide && there == 4);
    }
  }
  __device__ __forceinline__ void store(float* tile, int stride) const {
#pragma unroll
    for (int i = 0; i < count; i++) {
      const int at = threadIdx.x + i * threads, row = at / (columns / 4), column = at % (columns / 4) * 4;
      if constexpr (depth_first) {
        store_pack(tile + row * stride + column, values[i]);
      } else {
#pragma unroll
        for (int e = 0; e < 4; e++) tile[(column + e) * stride + row] = values[i][e];
      }
    }
  }
};

template <int tile_rows, int tile_columns, int rows, int columns, bool a_transposed, bool b_transposed>
__global__ void __launch_bounds__(tile_rows / rows * (tile_columns / columns), 2) kernel(Gemm g) {
  constexpr int threads = tile_rows / rows * (tile_columns / columns);
  constexpr int a_stride = tile_rows + 4, b_stride = tile_columns + 4;
  constexpr int tiles_size = depth * (a_stride + b_stride);
  AOT_DYNAMIC_SHARED(float, shared);
  const auto* a = static_cast<const float*>(g.a);
  const auto* b = static_cast<const float*>(g.b);
  const TilePlace tile = tile_of(blockIdx.x, g.m_tiles, g.n_tiles);
  const int row = tile.row * tile_rows, column = tile.column * tile_columns;
  const int k_begin = blockIdx.y * g.split_k, k_end = min(g.k, k_begin + g.split_k);
  const int thread_row = threadIdx.x / (tile_columns / columns), thread_column = threadIdx.x % (tile_columns / columns);
  const bool wide = g.copy_width == 4;

  Carrier<tile_rows, threads, a_transposed> a_carrier;
  Carrier<tile_columns, threads, !b_transposed> b_carrier;
  const auto load = [&](int k) {
    a_carrier.load(a, g.lda, wide, row, g.m, k, k_end);
    b_carrier.load(b, g.ldb, wide, column, g.n, k, k_end);
  };
  const auto store = [&](float* tiles) {
    a_carrier.store(tiles, a_stride);
    b_carrier.store(tiles + depth * a_stride, b_stride);
  };

  float sums[rows][columns] = {};
  load(k_begin);
  store(shared);
  __syncthreads();
  int slot = 0;
#pragma unroll 1
  for (int k = k_begin; k < k_end; k += depth, slot ^= 1) {
    const bool more = k + depth < k_end;
    if (more) load(k + depth);
    const float *a_tile = shared + slot * tiles_size, *b_tile = a_tile + depth * a_stride;
#pragma unroll
    for (int step = 0; step < depth; step++) {
      float x[rows], y[columns];
      load_share<tile_rows>(x, a_tile + step * a_stride, thread_row);
      load_share<tile_columns>(y, b_tile + step * b_stride, thread_column);
#pragma unroll
      for (int i = 0; i < rows; i++) {
#pragma unroll
        for (int j = 0; j < columns; j++) sums[i][j] += x[i] * y[j];
      }
    }
    // The other tiles were read in the step before this one, which a barrier has ended.
    if (more) store(shared + (slot ^ 1) * tiles_size);
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < columns; j += 4) {
      const float four[4] = {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]};
      store_pack(
          shared + place<tile_rows, rows>(thread_row, i) * b_stride + place<tile_columns, columns>(thread_column, j),
          four);
    }
  }
  __syncthreads();
  finish_tile<tile_columns, threads>(g, shared, b_stride, tile_rows, row, column);
}

template <int tile, int rows, int columns, bool a_transposed, bool b_transposed>
GemmKernel make_kernel() {
  constexpr size_t pipeline = 2 * 2 * depth * (tile + 4) * sizeof(float), staged = tile * (tile + 4) * sizeof(float);
  return {kernel<tile, tile, rows, columns, a_transposed, b_transposed>, tile / rows * (tile / columns),
          pipeline > staged ? pipeline : staged};
}

template <bool a_transposed, bool b_transposed>
void multiply_as(const Context& context, const Product& product, const Gemm& gemm) {
  launch_gemm(context, product, gemm, make_kernel<64, 4, 8, a_transposed, b_transposed>(),
              make_kernel<128, 8, 8, a_transposed, b_transposed>(), depth);
}

}  // namespace

void multiply_fp32(const Context& context, const Product& product) {
  Gemm gemm;
  const bool wide = aligned16(product.a) && aligned16(product.b) && (product.lda | product.ldb) % pack_size<float> == 0;
  gemm.copy_width = wide ? 4 : 1;
  if (product.a_transposed) {
    product.b_transposed ? multiply_as<true, true>(context, product, gemm)
                         : multiply_as<true, false>(context, product, gemm);
  } else {
    product.b_transposed ? multiply_as<false, true>(context, product, gemm)
                         : multiply_as<false, false>(context, product, gemm);
  }
}

}  // namespace aot::cuda
