// defines: has_tiles, panel_rows, step_of, TileShape, tile_sums
//
// Matrix products of bf16 in the tiles of AMX: 16 rows of up to 16 units (or floats) each. One step of the reduction
// takes `step_of(units)` units, the same number every time, so that one shape of the tiles serves a whole product: the
// last step reads nothing past the operands' ends.
#pragma once
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {

#if defined(__AMX_BF16__)
inline constexpr bool has_tiles = true;
inline constexpr int panel_rows = W;  // of a packed left operand

inline int64_t step_of(int64_t units) {
  int64_t step = min_of(units, W);
  while (step > 1 && units % step) step--;
  return step;
}

// The tiles of a product while it lives: 0 to 3 hold the sums, 4 and 5 A, 6 and 7 B. Loading a shape costs as much as
// ten products of tiles; while tiles are in use the system saves 8 KB more with every change of threads.
class TileShape {
 public:
  TileShape() = default;
  TileShape(const TileShape&) = delete;
  TileShape& operator=(const TileShape&) = delete;
  ~TileShape() { _tile_release(); }

  // For `rows` (1 to 32) rows of A and C.
  void set(int rows, int64_t step) {
    if (rows == rows_ && step == step_) return;
    rows_ = rows;
    step_ = step;
    const int upper = rows < W ? rows : W, lower = rows > W ? rows - W : upper;
    for (int tile = 0; tile < 8; tile++) {
      const bool of_a = tile == 4 || tile == 5, of_b = tile >= 6;
      layout_.rows[tile] = static_cast<uint8_t>(of_b ? step : tile == 2 || tile == 3 || tile == 5 ? lower : upper);
      layout_.row_bytes[tile] = static_cast<uint16_t>(of_a ? step * 4 : W * 4);
    }
    asm volatile("ldtilecfg %0" ::"m"(layout_));
  }

 private:
  struct alignas(64) Layout {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  };
  Layout layout_;
  int rows_ = 0;
  int64_t step_ = 0;
};

// Where the tiles of a left operand lie: bytes from row to row, from step to step, and from rows 0-15 to rows 16-31.
struct TilePlaces {
  int64_t row, step, lower;
};

// c (rows ldc floats apart) = A B, added when `accumulate`, for Rows x Columns tiles of c.
template <int Rows, int Columns>
[[gnu::noinline]] void tile_sums(const char* a, TilePlaces places, const Unit* b, int64_t units, int64_t step, float* c,
                                 int64_t ldc, bool accumulate) {
  constexpr int64_t b_row = tile_columns * 4;
  const int64_t c_row = ldc * 4;
  asm volatile("" ::: "memory");  // the compiler does not know that tiles are read from memory
  if (accumulate) {
    _tile_loadd(0, c, c_row);
    if (Columns > 1) _tile_loadd(1, c + W, c_row);
    if (Rows > 1) _tile_loadd(2, c + W * ldc, c_row);
    if (Rows > 1 && Columns > 1) _tile_loadd(3, c + W * ldc + W, c_row);
  } else {
    _tile_zero(0);
    if (Columns > 1) _tile_zero(1);
    if (Rows > 1) _tile_zero(2);
    if (Rows > 1 && Columns > 1) _tile_zero(3);
  }
  for (int64_t k = 0; k < units; k += step) {
    _tile_loadd(4, a, places.row);
    _tile_loadd(6, b, b_row);
    _tile_dpbf16ps(0, 4, 6);
    if (Columns > 1) {
      _tile_loadd(7, b + W, b_row);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (Rows > 1) {
      _tile_loadd(5, a + places.lower, places.row);
      _tile_dpbf16ps(2, 5, 6);
      if (Columns > 1) _tile_dpbf16ps(3, 5, 7);
    }
    a += places.step;
    b += step * tile_columns;
  }
  _tile_stored(0, c, c_row);
  if (Columns > 1) _tile_stored(1, c + W, c_row);
  if (Rows > 1) _tile_stored(2, c + W * ldc, c_row);
  if (Rows > 1 && Columns > 1) _tile_stored(3, c + W * ldc + W, c_row);
}
#else
inline constexpr bool has_tiles = false;
inline constexpr int panel_rows = tile_rows;
inline int64_t step_of(int64_t) { return 1; }
struct TileShape {
  void set(int, int64_t) {}
};
#endif

}  // namespace aot::cpu::AOT_ISA
