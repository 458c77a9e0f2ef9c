// Linear layers, with what follows them worked in while a tile is in the cache.
#include "cpu/dropout.h"
#include "cpu/gelu.h"
#include "cpu/gemm.h"
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

// tile + bias for one vector of it.
template <class Lanes>
[[gnu::always_inline]] inline Vec biased(const float* tile, int row, int column, const float* bias, Lanes lanes) {
  return load(tile + row * tile_columns + column, All{}) + load(bias + column, lanes);
}

template <class T>
void linear_forward(Scratch& scratch, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                    const float* bias, void* y, DType y_dtype) {
  const int64_t units = units_of<T>(in);
  const Left left = left_rows(scratch, static_cast<const T*>(x), in, n, in);
  const auto to = [&](auto* result) {
    multiply<T, false>(left, packed, units * tile_columns, n, out, units, hot_rows(units),
                       [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                         for_tile(rows, columns, [&](int i, int j, auto lanes) {
                           store(result + (row + i) * out + column + j, biased(tile, i, j, bias + column, lanes),
                                 lanes);
                         });
                       });
  };
  if (y_dtype == DType::fp32) {
    to(static_cast<float*>(y));
  } else {
    to(static_cast<bf16*>(y));
  }
}

template <class T>
void linear_residual_forward(Scratch& scratch, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                             const float* bias, const float* residual, KeepBits keep, float* y) {
  const int64_t units = units_of<T>(in);
  multiply<T, false>(left_rows(scratch, static_cast<const T*>(x), in, n, in), packed, units * tile_columns, n, out,
                     units, hot_rows(units),
                     [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                       for_tile(rows, columns, [&](int i, int j, auto lanes) {
                         const int64_t at = (row + i) * out + column + j;
                         const Vec h = dropped_out(keep, at, biased(tile, i, j, bias + column, lanes));
                         store(y + at, load(residual + at, lanes) + h, lanes);
                       });
                     });
}

template <class T>
void linear_gelu_forward(Scratch& scratch, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                         const float* bias, void* y, void* derivative) {
  const int64_t units = units_of<T>(in);
  multiply<T, false>(left_rows(scratch, static_cast<const T*>(x), in, n, in), packed, units * tile_columns, n, out,
                     units, hot_rows(units),
                     [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                       for_tile(rows, columns, [&](int i, int j, auto lanes) {
                         const int64_t at = (row + i) * out + column + j;
                         const Gelu g = gelu(biased(tile, i, j, bias + column, lanes));
                         store(static_cast<T*>(y) + at, g.value, lanes);
                         store(static_cast<T*>(derivative) + at, g.derivative, lanes);
                       });
                     });
}

template <class T>
void linear_backward_input(Scratch& scratch, const void* dy, int64_t n, int64_t in, int64_t out, const void* packed,
                           void* dx, DType dx_dtype) {
  const int64_t units = units_of<T>(out);
  const Left left = left_rows(scratch, static_cast<const T*>(dy), out, n, out);
  if (dx_dtype == DType::fp32) {
    multiply_to<T, false>(left, packed, units * tile_columns, n, in, units, hot_rows(units), static_cast<float*>(dx),
                          in, {});
    return;
  }
  multiply<T, false>(left, packed, units * tile_columns, n, in, units, hot_rows(units),
                     [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                       for_tile(rows, columns, [&](int i, int j, auto lanes) {
                         store(static_cast<bf16*>(dx) + (row + i) * in + column + j,
                               load(tile + i * tile_columns + j, All{}), lanes);
                       });
                     });
}

template <class T>
void linear_gelu_backward_input(Scratch& scratch, const void* dy, int64_t n, int64_t in, int64_t out,
                                const void* packed, const void* derivative, float* bias_gradient, void* dh) {
  const int64_t units = units_of<T>(out);
  multiply<T, false>(left_rows(scratch, static_cast<const T*>(dy), out, n, out), packed, units * tile_columns, n, in,
                     units, hot_rows(units),
                     [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                       for_vectors(columns, [&](int64_t j, auto lanes) {
                         Vec sums = load(bias_gradient + column + j, lanes);
                         for (int i = 0; i < rows; i++) {
                           const int64_t at = (row + i) * in + column + j;
                           const Vec d = load(tile + i * tile_columns + j, All{}) *
                                         load(static_cast<const T*>(derivative) + at, lanes);
                           store(static_cast<T*>(dh) + at, d, lanes);
                           sums = sums + d;
                         }
                         store(bias_gradient + column + j, sums, lanes);
                       });
                     });
}

template <class T>
void linear_backward_weight(Scratch& scratch, const void* dy, const void* x, int64_t n, int64_t in, int64_t out,
                            float* weight_gradient, float* bias_gradient) {
  // A share of the rows at a time, so that the panels of x stay in the cache while those of dy pass by.
  constexpr int64_t most = 512 * unit_elements<T>;
  for (int64_t row = 0; row < n; row += most) {
    const int64_t rows = min_of(most, n - row), units = units_of<T>(rows);
    void* left = scratch.get(Scratch::left, left_bytes(units, out));
    void* right = scratch.get(Scratch::right, right_bytes(units, in));
    pack_left(static_cast<const T*>(dy) + row * out, out, rows, out, left);
    pack_columns<T>(static_cast<const T*>(x) + row * in, in, rows, in, right, units, units * tile_columns);
    multiply_to<T, true>({static_cast<const char*>(left), 0}, right, units * tile_columns, out, in, units,
                         hot_rows(units), weight_gradient, in, {.accumulate = true});
  }
  if (!bias_gradient) return;
  // Some vectors side by side, so that a row gives whole cache lines.
  constexpr int together = 4;
  const T* rows = static_cast<const T*>(dy);
  const int64_t wide = out / (together * W) * together * W;
  for (int64_t j = 0; j < wide; j += together * W) {
    Vec sums[together];
    for (int v = 0; v < together; v++) sums[v] = load(bias_gradient + j + v * W, All{});
    for (int64_t i = 0; i < n; i++) {
      for (int v = 0; v < together; v++) sums[v] = sums[v] + load(rows + i * out + j + v * W, All{});
    }
    for (int v = 0; v < together; v++) store(bias_gradient + j + v * W, sums[v], All{});
  }
  for_vectors(out - wide, [&](int64_t offset, auto lanes) {
    const int64_t j = wide + offset;
    Vec sums = load(bias_gradient + j, lanes);
    for (int64_t i = 0; i < n; i++) sums = sums + load(rows + i * out + j, lanes);
    store(bias_gradient + j, sums, lanes);
  });
}

template <class T>
int64_t packed_bytes(int64_t reduction, int64_t columns) {
  return right_bytes(units_of<T>(reduction), columns);
}

template <class T>
void pack_weight(const float* weight, int64_t out, int64_t in, int64_t begin, int64_t end, void* forward,
                 void* backward) {
  const int64_t out_units = units_of<T>(out), first = begin / unit_elements<T>;
  const int64_t units = end < out ? end / unit_elements<T> - first : out_units - first;
  pack_rows<T>(weight + begin * in, in, end - begin, in, static_cast<Unit*>(forward) + begin * units_of<T>(in));
  pack_columns<T>(weight + begin * in, in, end - begin, in, static_cast<Unit*>(backward) + first * tile_columns, units,
                  out_units * tile_columns);
}

template <class T>
void fill(Kernels& kernels) {
  kernels.packed_bytes = packed_bytes<T>;
  kernels.pack_weight = pack_weight<T>;
  kernels.linear_forward = linear_forward<T>;
  kernels.linear_residual_forward = linear_residual_forward<T>;
  kernels.linear_gelu_forward = linear_gelu_forward<T>;
  kernels.linear_backward_input = linear_backward_input<T>;
  kernels.linear_gelu_backward_input = linear_gelu_backward_input<T>;
  kernels.linear_backward_weight = linear_backward_weight<T>;
}

}  // namespace

void fill_linear(Kernels& kernels, DType precision) {
  for_precision(precision, [&](auto element) { fill<decltype(element)>(kernels); });
}

}  // namespace aot::cpu::AOT_ISA
