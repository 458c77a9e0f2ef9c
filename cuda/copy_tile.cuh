// defines: place, copy_tile: tiles of bf16 in shared memory, by cp.async
//
// Within a tile the 16-byte pieces of a row are exchanged by an exclusive or with the row, so that the eight rows that
// ldmatrix reads at once lie in different banks.
#pragma once
#include "common.cuh"

namespace aot::cuda {

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

}  // namespace aot::cuda
