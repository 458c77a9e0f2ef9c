// Layernorm over rows of fp32, alone or after a residual branch, and its backward pass. Sums in fp32; the variance from
// the deviations, in a second pass over the row, which is in the first-level cache by then.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr float epsilon = 1e-5f;
constexpr int warps = 4;  // rows a block at a time

// Calls body(column, lane's values) for a row's columns of this lane: 4 at a time where rows are aligned.
template <int width, class Body>
__device__ __forceinline__ void for_columns(int first, int step, int columns, Body body) {
  for (int column = first * width; column < columns; column += step * width) body(column);
}

// A warp a row. With branch: x[row] = residual[row] + dropout(branch[row]) first. A lane reads in the later passes only
// what it wrote itself.
template <class E, int width, bool with_branch>
__global__ void __launch_bounds__(warps * 32)
    forward_kernel(const float* branch, const float* residual, DropoutArguments dropout, int window, float* x,
                   int64_t rows, int columns, const float* weight, const float* bias, E* y, float* stats) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / 32;
  if (row >= rows) return;
  const int64_t at = row * columns;
  float sum = 0;
  for_columns<width>(lane, 32, columns, [&](int column) {
    float value[width];
    if constexpr (with_branch) {
      float from[width];
      load_few(value, branch + at + column);
      load_few(from, residual + at + column);
      if (dropout.threshold != 0) {
        const uint64_t first = static_cast<uint64_t>(dropout.pass->first_row) * window * columns;
        apply_dropout(value, first + at + column, dropout);
      }
#pragma unroll
      for (int e = 0; e < width; e++) value[e] += from[e];
      store_few(x + at + column, value);
    } else {
      load_few(value, x + at + column);
    }
#pragma unroll
    for (int e = 0; e < width; e++) sum += value[e];
  });
  const float mean = warp_sum(sum) / columns;
  float squares = 0;
  for_columns<width>(lane, 32, columns, [&](int column) {
    float value[width];
    load_few(value, x + at + column);
#pragma unroll
    for (int e = 0; e < width; e++) squares = fmaf(value[e] - mean, value[e] - mean, squares);
  });
  const float scale = 1 / sqrtf(warp_sum(squares) / columns + epsilon);
  for_columns<width>(lane, 32, columns, [&](int column) {
    float value[width], w[width], b[width];
    load_few(value, x + at + column);
    load_few(w, weight + column);
    load_few(b, bias + column);
#pragma unroll
    for (int e = 0; e < width; e++) value[e] = fmaf((value[e] - mean) * scale, w[e], b[e]);
    store_few(y + at + column, value);
  });
  if (lane == 0) {
    stats[2 * row] = mean;
    stats[2 * row + 1] = scale;
  }
}

constexpr int backward_threads = 128;
constexpr int most_shared_columns = 4096;  // 32 KiB of column sums

// A block takes rows blockIdx.x, blockIdx.x + gridDim.x, ...; a thread keeps the same columns for all of them, so that
// the sums over rows need no exchange. sums[gridDim.x][2][columns]: this block's share of the weight's and the bias's
// gradient.
template <int width>
__global__ void __launch_bounds__(backward_threads)
    backward_kernel(const float* x, const float* stats, const float* weight, const float* dy, float* dx,
                    bool accumulate, int64_t rows, int columns, bool sums_in_shared, float* sums) {
  AOT_DYNAMIC_SHARED(float, shared);
  AOT_SHARED(float, scratch, [2][2 * backward_threads / 32]);
  float* share = sums + static_cast<int64_t>(blockIdx.x) * 2 * columns;
  float* weight_sums = sums_in_shared ? shared : share;
  float* bias_sums = weight_sums + columns;
  for_columns<width>(threadIdx.x, backward_threads, columns, [&](int column) {
#pragma unroll
    for (int e = 0; e < width; e++) weight_sums[column + e] = bias_sums[column + e] = 0;
  });
  int turn = 0;  // the scratch of two rows in turn: one barrier a row is enough
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x, turn ^= 1) {
    const int64_t at = row * columns;
    const float mean = stats[2 * row], scale = stats[2 * row + 1];
    float sum = 0, weighted = 0;
    for_columns<width>(threadIdx.x, backward_threads, columns, [&](int column) {
      float value[width], gradient[width], w[width];
      load_few(value, x + at + column);
      load_few(gradient, dy + at + column);
      load_few(w, weight + column);
#pragma unroll
      for (int e = 0; e < width; e++) {
        const float normal = (value[e] - mean) * scale;
        weight_sums[column + e] = fmaf(gradient[e], normal, weight_sums[column + e]);
        bias_sums[column + e] += gradient[e];
        sum = fmaf(gradient[e], w[e], sum);
        weighted = fmaf(gradient[e] * w[e], normal, weighted);
      }
    });
    sum = warp_sum(sum);
    weighted = warp_sum(weighted);
    if (threadIdx.x % 32 == 0) {
      scratch[turn][threadIdx.x / 32 * 2] = sum;
      scratch[turn][threadIdx.x / 32 * 2 + 1] = weighted;
    }
    __syncthreads();
    sum = weighted = 0;
#pragma unroll
    for (int warp = 0; warp < backward_threads / 32; warp++) {
      sum += scratch[turn][warp * 2];
      weighted += scratch[turn][warp * 2 + 1];
    }
    sum /= columns;
    weighted /= columns;
    for_columns<width>(threadIdx.x, backward_threads, columns, [&](int column) {
      float value[width], gradient[width], w[width], to[width] = {};
      load_few(value, x + at + column);
      load_few(gradient, dy + at + column);
      load_few(w, weight + column);
      if (accumulate) load_few(to, dx + at + column);
#pragma unroll
      for (int e = 0; e < width; e++) {
        const float normal = (value[e] - mean) * scale;
        to[e] = fmaf(scale, gradient[e] * w[e] - (sum + normal * weighted), to[e]);
      }
      store_few(dx + at + column, to);
    });
  }
  if (!sums_in_shared) return;
  for_columns<width>(threadIdx.x, backward_threads, columns, [&](int column) {
#pragma unroll
    for (int e = 0; e < width; e++) {
      share[column + e] = weight_sums[column + e];
      share[columns + column + e] = bias_sums[column + e];
    }
  });
}

// gradients += the blocks' shares, in their order; 8 threads a column take every eighth share.
constexpr int fold_lanes = 8;
__global__ void __launch_bounds__(32 * fold_lanes)
    fold_kernel(const float* sums, int shares, int columns, float* weight_gradient, float* bias_gradient) {
  AOT_SHARED(float, parts, [fold_lanes][32]);
  const int column = blockIdx.x * 32 + threadIdx.x;
  float sum = 0;
  if (column < 2 * columns) {
    for (int share = threadIdx.y; share < shares; share += fold_lanes) {
      sum += sums[static_cast<int64_t>(share) * 2 * columns + column];
    }
  }
  parts[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= 2 * columns) return;
  for (int part = 1; part < fold_lanes; part++) sum += parts[part][threadIdx.x];
  if (column < columns) {
    weight_gradient[column] += sum;
  } else {
    bias_gradient[column - columns] += sum;
  }
}

template <class E, bool with_branch>
void forward(const Context& context, const float* branch, const float* residual, const DropoutArguments& dropout,
             int window, Tensor x, const float* weight, const float* bias, Tensor y, Tensor stats) {
  const auto kernel =
      rows_aligned<float>(x.cols) ? forward_kernel<E, 4, with_branch> : forward_kernel<E, 1, with_branch>;
  launch(context.stream, kernel, ceil_div(x.rows, warps), warps * 32, 0, branch, residual, dropout, window, x.f32(),
         x.rows, static_cast<int>(x.cols), weight, bias, static_cast<E*>(y.data), stats.f32());
}

}  // namespace

void layernorm_forward(const Context& context, Tensor x, const float* weight, const float* bias, Tensor y,
                       Tensor stats) {
  const auto run = y.dtype == DType::bf16 ? forward<bf16, false> : forward<float, false>;
  run(context, nullptr, nullptr, {}, 1, x, weight, bias, y, stats);
}

void residual_layernorm_forward(const Context& context, const float* branch, Tensor residual,
                                const DropoutArguments& dropout, int window, Tensor out, const float* weight,
                                const float* bias, Tensor y, Tensor stats) {
  const auto run = y.dtype == DType::bf16 ? forward<bf16, true> : forward<float, true>;
  run(context, branch, residual.f32(), dropout, window, out, weight, bias, y, stats);
}

void layernorm_backward(const Context& context, Tensor x, Tensor stats, const float* weight, Tensor dy, Tensor dx,
                        bool accumulate, float* weight_gradient, float* bias_gradient) {
  const int columns = static_cast<int>(x.cols);
  const int blocks = static_cast<int>(std::min<int64_t>(x.rows, context.multiprocessors * 4));
  const bool in_shared = columns <= most_shared_columns;
  context.workspace->begin();
  float* sums = context.workspace->take_floats(static_cast<int64_t>(blocks) * 2 * columns, context.stream);
  launch(context.stream, rows_aligned<float>(columns) ? backward_kernel<4> : backward_kernel<1>, blocks,
         backward_threads, in_shared ? 2 * columns * sizeof(float) : 0, x.f32(), stats.f32(), weight, dy.f32(),
         dx.f32(), accumulate, x.rows, columns, in_shared, sums);
  launch(context.stream, fold_kernel, ceil_div(2 * columns, 32), dim3(32, fold_lanes), 0, sums, blocks, columns,
         weight_gradient, bias_gradient);
}

}  // namespace aot::cuda
