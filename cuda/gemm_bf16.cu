// The built-in product of bf16 matrices: tensor cores, fp32 sums.
//
// Tiles of a and b come through four stages of shared memory by cp.async, in the order in which they lie in memory;
// ldmatrix turns them where the product wants them transposed. Within a tile the 16-byte pieces of a row are exchanged
// by an exclusive or with the row, so that the eight rows that ldmatrix reads at once lie in different banks.
#include "gemm.cuh"

namespace aot::cuda {
namespace {

constexpr int depth = 32, stages = 4;  // of k

// Where piece `piece` (8 elements) of `row` is in a tile with rows of `columns` elements.
template <int columns>
__device__ __forceinline__ int place(int row, int piece) {
  static_assert(columns == 32 || columns % 64 == 0);
  return row * columns + (columns == 32 ? piece ^ row / 2 % 4 : piece ^ row % 8) * 8;
}

// Elements from (row, column) on of a matrix [rows_end][columns_end] at `from`; zeros outside of it, since what a
// garbage NaN is multiplied by would not help. wide: rows are aligned to 16 bytes.
template <int rows, int columns, int threads, bool wide>
__device__ __forceinline__ void copy_tile(bf16* to, const bf16* from, int64_t stride, int row, int rows_end, int column,
                                          int columns_end, int copy_width) {
  constexpr int pieces = columns / 8;
  static_assert(rows * pieces % threads == 0);
#pragma unroll
  for (int i = 0; i < rows * pieces / threads; i++) {
    const int at = threadIdx.x + i * threads, r = row + at / pieces, c = column + at % pieces * 8;
    const int count = r < rows_end ? max(0, min(8, columns_end - c)) : 0;
    const bf16* source = count > 0 ? from + r * stride + c : from;
    bf16* target = to + place<columns>(at / pieces, at % pieces);
    if constexpr (wide) {
      cp_async_part<16>(target, source, count * 2);
    } else if (copy_width == 4) {
      cp_async_part<8>(target, source, min(count, 4) * 2);
      cp_async_part<8>(target + 4, count > 4 ? source + 4 : from, max(count - 4, 0) * 2);
    } else {
#pragma unroll
      for (int e = 0; e < 8; e++) target[e] = e < count ? source[e] : to_bf16(0);
    }
  }
}

// transposed: a lies as [k][m]. b_transposed: b lies as [n][k].
template <int tile_rows, int tile_columns, int warp_rows, int warp_columns, bool a_transposed, bool b_transposed,
          bool wide>
__global__ void __launch_bounds__(tile_rows / warp_rows * (tile_columns / warp_columns) * 32, 2) kernel(Gemm g) {
  constexpr int threads = tile_rows / warp_rows * (tile_columns / warp_columns) * 32;
  constexpr int a_columns = a_transposed ? tile_rows : depth, b_columns = b_transposed ? depth : tile_columns;
  constexpr int a_size = tile_rows * depth, b_size = tile_columns * depth;
  constexpr int m_fragments = warp_rows / 16, n_fragments = warp_columns / 8;
  AOT_DYNAMIC_SHARED(bf16, shared);
  bf16 *const a_tiles = shared, *const b_tiles = shared + stages * a_size;
  const auto* a = static_cast<const bf16*>(g.a);
  const auto* b = static_cast<const bf16*>(g.b);
  const TilePlace tile = tile_of(blockIdx.x, g.m_tiles, g.n_tiles);
  const int row = tile.row * tile_rows, column = tile.column * tile_columns;
  const int k_begin = blockIdx.y * g.split_k, k_end = min(g.k, k_begin + g.split_k);
  const int steps = (k_end - k_begin + depth - 1) / depth;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp % (tile_rows / warp_rows) * warp_rows;
  const int warp_column = warp / (tile_rows / warp_rows) * warp_columns;

  const auto copy_step = [&](int step) {
    if (step < steps) {
      const int slot = step % stages, k = k_begin + step * depth;
      if constexpr (a_transposed) {
        copy_tile<depth, tile_rows, threads, wide>(a_tiles + slot * a_size, a, g.lda, k, k_end, row, g.m, g.copy_width);
      } else {
        copy_tile<tile_rows, depth, threads, wide>(a_tiles + slot * a_size, a, g.lda, row, g.m, k, k_end, g.copy_width);
      }
      if constexpr (b_transposed) {
        copy_tile<tile_columns, depth, threads, wide>(b_tiles + slot * b_size, b, g.ldb, column, g.n, k, k_end,
                                                      g.copy_width);
      } else {
        copy_tile<depth, tile_columns, threads, wide>(b_tiles + slot * b_size, b, g.ldb, k, k_end, column, g.n,
                                                      g.copy_width);
      }
    }
    cp_async_commit();
  };

  float sums[m_fragments][n_fragments][4] = {};
#pragma unroll
  for (int step = 0; step < stages - 1; step++) copy_step(step);
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    cp_async_wait<stages - 2>();
    __syncthreads();  // the step's tiles are there for all, and the ones before them are free
    copy_step(step + stages - 1);
    const bf16 *a_tile = a_tiles + step % stages * a_size, *b_tile = b_tiles + step % stages * b_size;
#pragma unroll
    for (int k = 0; k < depth; k += 16) {
      uint32_t a_fragments[m_fragments][4], b_fragments[n_fragments][2];
#pragma unroll
      for (int i = 0; i < m_fragments; i++) {
        const int m = warp_row + i * 16;
        if constexpr (a_transposed) {
          ldmatrix_x4_trans(a_fragments[i],
                            a_tile + place<a_columns>(k + lane / 16 * 8 + lane % 8, m / 8 + lane / 8 % 2));
        } else {
          ldmatrix_x4(a_fragments[i], a_tile + place<a_columns>(m + lane % 16, k / 8 + lane / 16));
        }
      }
#pragma unroll
      for (int j = 0; j < n_fragments; j += 2) {
        const int n = warp_column + j * 8;
        uint32_t r[4];
        if constexpr (b_transposed) {
          ldmatrix_x4(r, b_tile + place<b_columns>(n + lane / 16 * 8 + lane % 8, k / 8 + lane / 8 % 2));
        } else {
          ldmatrix_x4_trans(r, b_tile + place<b_columns>(k + lane % 16, n / 8 + lane / 16));
        }
        b_fragments[j][0] = r[0];
        b_fragments[j][1] = r[1];
        b_fragments[j + 1][0] = r[2];
        b_fragments[j + 1][1] = r[3];
      }
#pragma unroll
      for (int i = 0; i < m_fragments; i++) mma_bf16_row(sums[i], a_fragments[i], b_fragments);
    }
  }
  cp_async_wait<0>();
  __syncthreads();

  constexpr int stride = tile_columns + 8;
  float* staged = reinterpret_cast<float*>(shared);
#pragma unroll
  for (int i = 0; i < m_fragments; i++) {
#pragma unroll
    for (int j = 0; j < n_fragments; j++) {
      float* to = staged + (warp_row + i * 16 + lane / 4) * stride + warp_column + j * 8 + lane % 4 * 2;
      uint32_t bits[2][2];
      memcpy(bits, sums[i][j], sizeof(bits));
      store8(to, bits[0]);
      store8(to + 8 * stride, bits[1]);
    }
  }
  __syncthreads();
  finish_tile<tile_columns, threads>(g, staged, stride, tile_rows, row, column);
}

template <int tile, int warp_tile, bool a_transposed, bool b_transposed, bool wide>
GemmKernel make_kernel() {
  constexpr size_t pipeline = stages * 2 * tile * depth * sizeof(bf16), staged = tile * (tile + 8) * sizeof(float);
  return {kernel<tile, tile, warp_tile, warp_tile, a_transposed, b_transposed, wide>,
          tile / warp_tile * (tile / warp_tile) * 32, pipeline > staged ? pipeline : staged};
}

template <bool a_transposed, bool b_transposed>
void multiply_as(const Context& context, const Product& product, const Gemm& gemm) {
  if (gemm.copy_width == 8) {
    launch_gemm(context, product, gemm, make_kernel<64, 32, a_transposed, b_transposed, true>(),
                make_kernel<128, 64, a_transposed, b_transposed, true>(), depth);
  } else {
    launch_gemm(context, product, gemm, make_kernel<64, 32, a_transposed, b_transposed, false>(),
                make_kernel<128, 64, a_transposed, b_transposed, false>(), depth);
  }
}

}  // namespace

void multiply_bf16(const Context& context, const Product& product) {
  Gemm gemm;
  const auto bits = reinterpret_cast<uintptr_t>(product.a) | reinterpret_cast<uintptr_t>(product.b);
  const int64_t strides = product.lda | product.ldb;
  gemm.copy_width = bits % 16 == 0 && strides % 8 == 0 ? 8 : bits % 8 == 0 && strides % 4 == 0 ? 4 : 1;
  if (product.a_transposed) {
    product.b_transposed ? multiply_as<true, true>(context, product, gemm)
                         : multiply_as<true, false>(context, product, gemm);
  } else {
    product.b_transposed ? multiply_as<false, true>(context, product, gemm)
                         : multiply_as<false, false>(context, product, gemm);
  }
}

}  // namespace aot::cuda
