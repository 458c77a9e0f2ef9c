// defines: multiply, multiply_to, pack_columns, pack_rows, pack_left, Left
//
// Matrix products C[m,n] = A[m,k] B[k,n] on packed panels. B lies in panels of tile_columns columns, [k][tile_columns],
// zero past its last column; A is read where it lies, row by row, or packed in panels of panel_rows
// rows, [k][panel_rows] (for tiles: pack_left). Everything counts the reduction in 32-bit units: one float, or two bf16
// neighbours (a missing second one is zero).
#pragma once
#include "cpu/amx.h"
#include "cpu/kernels.h"
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {

// Units of a reduction over `elements`; in tiles, with zeros added so that long ones go by steps of 8 units or more.
template <class T>
inline int64_t units_of(int64_t elements) {
  const int64_t units = (elements + unit_elements<T> - 1) / unit_elements<T>;
  return !has_tiles || units <= W ? units : round_up(units, units < 4 * W ? W / 2 : W);
}
// Sizes of packed operands, with what the packing may write past them.
inline int64_t right_bytes(int64_t units, int64_t columns) { return round_up(columns, tile_columns) * units * 4 + 64; }
inline int64_t left_bytes(int64_t units, int64_t rows) { return round_up(rows, 2 * tile_rows) * units * 4 + 128; }

// The left operand: rows `stride` bytes apart, or packed panels.
struct Left {
  const char* data;
  int64_t stride;
};

// How many of m rows go in whole tiles, where a rest needs a shape of its own.
inline int64_t whole_tiles(int64_t m) { return has_tiles && m > tile_rows ? m / tile_rows * tile_rows : m; }

// One tile: tile_rows x (Vectors * W) of A B, to c (rows ldc floats apart), added when `accumulate`. Of an unpacked A
// only `rows` rows are read; the tile's other rows repeat the last.
template <class T, bool Packed, int Vectors>
[[gnu::noinline]] void tile_product(const char* a, int64_t stride, int rows, const Unit* b, int64_t units, float* c,
                                    int64_t ldc, bool accumulate) {
  if (accumulate) {
    for (int i = 0; i < tile_rows; i++) {
      __builtin_prefetch(c + i * ldc, 1);
      if (Vectors > 1) __builtin_prefetch(c + i * ldc + W, 1);
    }
  }
  Vec sums[tile_rows][Vectors];
  const Unit* row[tile_rows];
#pragma GCC unroll 8
  for (int i = 0; i < tile_rows; i++) {
    row[i] = reinterpret_cast<const Unit*>(Packed ? a : a + (i < rows ? i : rows - 1) * stride);
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; j++) sums[i][j] = Vec{};
  }
#pragma GCC unroll 2
  for (int64_t k = 0; k < units; k++) {
    Units right[Vectors];
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; j++) right[j] = load_units(b + k * tile_columns + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; i++) {
      const Units left = broadcast_units(Packed ? row[0][k * tile_rows + i] : row[i][k]);
#pragma GCC unroll 2
      for (int j = 0; j < Vectors; j++) sums[i][j] = multiply_add<T>(left, right[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < tile_rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; j++) {
      float* to = c + i * ldc + j * W;
      store(to, accumulate ? sums[i][j] + load(to, All{}) : sums[i][j], All{});
    }
  }
}

// `all`: the units of a whole row of the operands, of which these `units` may be the last.
template <class T, bool Packed>
[[gnu::always_inline]] inline void tile(int columns, const char* a, int64_t stride, int rows, const Unit* b,
                                        int64_t units, [[maybe_unused]] int64_t all, float* c, int64_t ldc,
                                        bool accumulate) {
#if defined(__AMX_BF16__)
  static_assert(sizeof(T) == 2);
  const int64_t step = step_of(all);
  const TilePlaces places = Packed ? TilePlaces{step * 4, step * panel_rows * 4, all * panel_rows * 4}
                                   : TilePlaces{stride, step * 4, stride * W};
  const auto sums =
      rows > W ? (columns > W ? tile_sums<2, 2> : tile_sums<2, 1>) : (columns > W ? tile_sums<1, 2> : tile_sums<1, 1>);
  sums(a, places, b, units, step, c, ldc, accumulate);
#else
  if (columns > W) {
    tile_product<T, Packed, 2>(a, stride, rows, b, units, c, ldc, accumulate);
  } else {
    tile_product<T, Packed, 1>(a, stride, rows, b, units, c, ldc, accumulate);
  }
#endif
}

// Rows of A that stay in the cache while panels of B pass by: every such block takes all of B through it once more.
inline int64_t hot_rows(int64_t units) {
  const int64_t rows = 786432 / (units * 4 + 1) / tile_rows * tile_rows;
  return rows < 2 * tile_rows ? 2 * tile_rows : rows > 256 ? 256 : rows;
}

// C = A B by tiles: body(row, column, rows, columns, tile) with the tile's rows tile_columns floats apart. `panel` is
// the distance between B's panels in units.
template <class T, bool Packed, class Body>
[[gnu::always_inline]] inline void multiply(Left a, const void* b, int64_t panel, int64_t m, int64_t n, int64_t units,
                                            int64_t hot, Body&& body) {
  alignas(64) float scratch[tile_rows * tile_columns];
  const int64_t whole = whole_tiles(m);
  TileShape shape;
  for (int64_t begin = 0, end; begin < m; begin = end) {
    end = begin < whole ? min_of(begin + hot, whole) : m;
    shape.set(static_cast<int>(min_of(tile_rows, end - begin)), step_of(units));
    for (int64_t column = 0; column < n; column += tile_columns) {
      const int columns = static_cast<int>(min_of(tile_columns, n - column));
      for (int64_t row = begin; row < end; row += tile_rows) {
        const int rows = static_cast<int>(min_of(tile_rows, end - row));
        tile<T, Packed>(columns, a.data + (Packed ? row * units * 4 : row * a.stride), a.stride, rows,
                        static_cast<const Unit*>(b) + column / tile_columns * panel, units, units, scratch,
                        tile_columns, false);
        body(row, column, rows, columns, scratch);
      }
    }
  }
}

// How multiply_to treats C and zeros that are known beforehand.
struct To {
  bool accumulate = false;
  // C has room for whole tiles: tile_rows - 1 more rows, and columns up to a multiple of W.
  bool padded = false;
  // >= 0: a block of a causal matrix, whose first row is this one. With A unpacked, tiles of C right of the diagonal
  // are left out; with A packed (the block's transpose), the leading zeros of the reduction are.
  int64_t causal = -1;
  // Takes B's panels from the last to the first. By turns, a B that is used again and again and is a little larger than
  // the cache stays there for the most part; always in one order none of it would.
  bool from_last = false;
};

// C (+)= A B, rows ldc floats apart.
template <class T, bool Packed>
inline void multiply_to(Left a, const void* b, int64_t panel, int64_t m, int64_t n, int64_t units, int64_t hot,
                        float* c, int64_t ldc, To to) {
  alignas(64) float scratch[tile_rows * tile_columns];
  const int64_t whole = whole_tiles(m), step = step_of(units), skip_step = step * unit_elements<T>;
  TileShape shape;
  for (int64_t begin = 0, end; begin < m; begin = end) {
    end = begin < whole ? min_of(begin + hot, whole) : m;
    shape.set(static_cast<int>(min_of(tile_rows, end - begin)), step);
    for (int64_t at = 0; at < n; at += tile_columns) {
      const int64_t column = to.from_last ? (n - 1) / tile_columns * tile_columns - at : at;
      const int columns = static_cast<int>(min_of(tile_columns, n - column));
      for (int64_t row = begin; row < end; row += tile_rows) {
        if (!Packed && to.causal >= 0 && column > to.causal + row + tile_rows - 1) continue;
        const int64_t skip = Packed && to.causal >= 0 && row > to.causal ? (row - to.causal) / skip_step * step : 0;
        const int rows = static_cast<int>(min_of(tile_rows, end - row));
        const char* left = a.data + (Packed ? (row * units + skip * panel_rows) * 4 : row * a.stride);
        const Unit* right = static_cast<const Unit*>(b) + column / tile_columns * panel + skip * tile_columns;
        float* out = c + row * ldc + column;
        if (to.padded || ((has_tiles || rows == tile_rows) && (columns == tile_columns || columns == W))) {
          tile<T, Packed>(columns, left, a.stride, rows, right, units - skip, units, out, ldc, to.accumulate);
          continue;
        }
        tile<T, Packed>(columns, left, a.stride, rows, right, units - skip, units, scratch, tile_columns, false);
        for (int i = 0; i < rows; i++) {
          for_vectors(columns, [&](int64_t j, auto lanes) {
            const Vec product = load(scratch + i * tile_columns + j, All{});
            float* at = out + i * ldc + j;
            store(at, to.accumulate ? product + load(at, lanes) : product, lanes);
          });
        }
      }
    }
  }
}

// --- packing. Source elements may be of the panel's type or, for weights, fp32 for panels of bf16.

// Units of two rows of a source: of the first row alone for fp32 panels.
template <class T, class Source, class Lanes>
[[gnu::always_inline]] inline Units paired_rows(const Source* first, const Source* second, Lanes lanes) {
  if constexpr (sizeof(T) == 4) {
    return (Units)load(first, lanes);
  } else {
    const Units low = halves_of(first, lanes);
    return second ? low | halves_of(second, lanes) << 16 : low;
  }
}

// B[k][n] = s[k*ld + n]: panels of columns from a matrix whose rows run along n, `panel_units` apart; zeros from row k
// up to `units`.
template <class T, class Source>
inline void pack_columns(const Source* s, int64_t ld, int64_t k, int64_t n, void* to, int64_t units,
                         int64_t panel_units) {
  constexpr int u = unit_elements<T>;
  for (int64_t column = 0; column < n; column += tile_columns) {
    Unit* out = static_cast<Unit*>(to) + column / tile_columns * panel_units;
    const int64_t columns = min_of(tile_columns, n - column);
    for (int64_t i = 0; i < k; i += u, out += tile_columns) {
      const Source* first = s + i * ld + column;
      const Source* second = u == 2 && i + 1 < k ? first + ld : nullptr;
      if (columns == tile_columns) {
        store_units(out, paired_rows<T>(first, second, All{}));
        store_units(out + W, paired_rows<T>(first + W, second ? second + W : nullptr, All{}));
        continue;
      }
      store_units(out + W, Units{});
      for_vectors(columns, [&](int64_t j, auto lanes) {
        store_units(out + j, paired_rows<T>(first + j, second ? second + j : nullptr, lanes));
      });
    }
    const int64_t zeros = units - (k + u - 1) / u;
    if (zeros > 0) __builtin_memset(out, 0, static_cast<size_t>(zeros * tile_columns) * sizeof(Unit));
  }
}

// A = s^T: panels of panel_rows columns of s [k][m], whose rows run along m.
#if defined(__AMX_BF16__)
// A panel is a row of tiles, [step][panel_rows][units of a step].
template <class T>
inline void pack_left(const T* s, int64_t ld, int64_t k, int64_t m, void* to) {
  const int64_t units = units_of<T>(k), step = step_of(units);
  for (int64_t row = 0; row < m; row += panel_rows) {
    Unit* out = static_cast<Unit*>(to) + row * units;
    const int count = static_cast<int>(min_of(panel_rows, m - row));
    for (int64_t begin = 0; begin < units; begin += step, out += panel_rows * step) {
      Units r[W] = {};
      for (int64_t i = 0; i < step && (begin + i) * 2 < k; i++) {
        const T* first = s + (begin + i) * 2 * ld + row;
        const T* second = (begin + i) * 2 + 1 < k ? first + ld : nullptr;
        r[i] = count == W ? paired_rows<T>(first, second, All{}) : paired_rows<T>(first, second, First{count});
      }
      transpose(r);
      // A short one reaches into the next row's place, which is written after.
      for (int i = 0; i < panel_rows; i++) store_units(out + i * step, r[i]);
    }
  }
}
#else
template <class T>
inline void pack_left(const T* s, int64_t ld, int64_t k, int64_t m, void* to) {
  constexpr int u = unit_elements<T>;
  const int64_t units = units_of<T>(k);
  constexpr int panels = W >= 2 * tile_rows ? 2 : 1;  // of a vector
  for (int64_t row = 0; row < m; row += panels * tile_rows) {
    Unit* out = static_cast<Unit*>(to) + row * units;
    const int count = static_cast<int>(min_of(panels * tile_rows, m - row));
    for (int64_t i = 0; i < k; i += u, out += tile_rows) {
      const T* first = s + i * ld + row;
      const T* second = u == 2 && i + 1 < k ? first + ld : nullptr;
      const Units v = count == W ? paired_rows<T>(first, second, All{}) : paired_rows<T>(first, second, First{count});
      if constexpr (panels == 2) {
        __builtin_memcpy(out, &v, tile_rows * 4);
        __builtin_memcpy(out + units * tile_rows, reinterpret_cast<const char*>(&v) + tile_rows * 4, tile_rows * 4);
      } else {
        store_units(out, v);  // may reach into the next step's place, which is written after
      }
    }
  }
}
#endif

// W units along a row of the source, `count` of them there (may be <= 0): the rest is zero.
template <class T, class Source>
[[gnu::always_inline]] inline Units row_units(const Source* s, int64_t elements) {
  if constexpr (sizeof(T) == sizeof(Source)) {
    constexpr int u = unit_elements<T>;
    if (elements >= W * u) return load_units(s);
    Units v = {};
    if (elements > 0) __builtin_memcpy(&v, s, static_cast<size_t>(elements) * sizeof(T));
    return v;
  } else {
    alignas(64) bf16 pairs[2 * W] = {};
    for_vectors(elements <= 0 ? 0 : min_of(elements, 2 * W),
                [&](int64_t j, auto lanes) { store(pairs + j, load(s + j, lanes), lanes); });
    return load_units(pairs);
  }
}

// B[k][n] = s[n*ld + k]: panels of columns from a matrix whose rows run along the reduction, by W x W transposes.
template <class T, class Source>
inline void pack_rows(const Source* s, int64_t ld, int64_t n, int64_t k, void* to) {
  constexpr int u = unit_elements<T>;
  const int64_t units = units_of<T>(k);
  for (int64_t column = 0; column < round_up(n, tile_columns); column += W) {
    Unit* panel = static_cast<Unit*>(to) + column / tile_columns * units * tile_columns + column % tile_columns;
    for (int64_t unit = 0; unit < units; unit += W) {
      Units r[W];
      for (int i = 0; i < W; i++) {
        r[i] = column + i < n ? row_units<T>(s + (column + i) * ld + unit * u, k - unit * u) : Units{};
      }
      transpose(r);
      const int64_t count = min_of(W, units - unit);
      for (int i = 0; i < count; i++) store_units(panel + (unit + i) * tile_columns, r[i]);
    }
  }
}

// A matrix as an unpacked left operand. Rows of bf16 that are no whole number of units (of steps, in tiles) are copied
// and padded with zeros, for their last units must not hold what lies behind them.
template <class T>
inline Left left_rows(Scratch& scratch, const T* x, int64_t ld, int64_t n, int64_t k) {
  const int64_t padded = units_of<T>(k) * unit_elements<T>;
  if (padded == k) {
    return {reinterpret_cast<const char*>(x), ld * static_cast<int64_t>(sizeof(T))};
  }
  constexpr int64_t size = sizeof(T);
  T* copy = static_cast<T*>(scratch.get(Scratch::rows, n * padded * size));
  for (int64_t i = 0; i < n; i++) {
    __builtin_memcpy(copy + i * padded, x + i * ld, static_cast<size_t>(k * size));
    __builtin_memset(copy + i * padded + k, 0, static_cast<size_t>((padded - k) * size));
  }
  return {reinterpret_cast<const char*>(copy), padded * size};
}

// Calls body(row, column, lanes) for the vectors of a tile.
template <class Body>
[[gnu::always_inline]] inline void for_tile(int rows, int columns, Body&& body) {
  if (columns == tile_columns) {
    for (int i = 0; i < rows; i++) {
      body(i, 0, All{});
      body(i, W, All{});
    }
  } else {
    for (int i = 0; i < rows; i++) {
      for_vectors(columns, [&](int64_t j, auto lanes) { body(i, static_cast<int>(j), lanes); });
    }
  }
}

}  // namespace aot::cpu::AOT_ISA
