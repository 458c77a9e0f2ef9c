// Token and position embeddings with dropout, and their gradients: one sum for each row of a table, in the order of the
// rows of the batch, so that nothing depends on which block comes first.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;

template <int width>
__device__ __forceinline__ void drop(float (&x)[width], int64_t element, int64_t per_sequence,
                                     const DropoutArguments& dropout) {
  if (dropout.threshold == 0) return;
  apply_dropout(x, static_cast<uint64_t>(dropout.pass->first_row * per_sequence + element), dropout);
}

template <int width, class E>
__global__ void __launch_bounds__(threads)
    forward_kernel(const int32_t* inputs, int64_t rows, int window, int columns, const float* token,
                   const float* position, DropoutArguments dropout, E* x) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * width;
  if (i >= rows * columns) return;
  const int64_t row = i / columns;
  const int column = static_cast<int>(i % columns);
  float value[width];
  load_few(value, token + static_cast<int64_t>(inputs[row]) * columns + column);
  if (position) {
    float place[width];
    load_few(place, position + row % window * columns + column);
#pragma unroll
    for (int e = 0; e < width; e++) value[e] += place[e];
  }
  drop(value, i, static_cast<int64_t>(window) * columns, dropout);
  store_few(x + i, value);
}

constexpr int groups = 8;

// Block (p, tile): when the row order[p] is the first of its token id, sums dx over all rows of that id. Each of 8
// groups takes every eighth of them; the groups' sums are added in their order.
template <int width>
__global__ void __launch_bounds__(32 * groups)
    token_kernel(const int32_t* inputs, const int32_t* order, int64_t rows, int window, int columns,
                 DropoutArguments dropout, const float* dx, float* gradient) {
  const int64_t first = blockIdx.x;
  const int32_t id = inputs[order[first]];
  if (first > 0 && inputs[order[first - 1]] == id) return;
  AOT_SHARED(float, sums, [groups][32 * width]);
  const int column = (blockIdx.y * 32 + threadIdx.x) * width, group = threadIdx.y;
  float sum[width] = {};
  if (column < columns) {
    for (int64_t p = first + group; p < rows; p += groups) {
      const int64_t row = order[p];
      if (inputs[row] != id) break;
      float value[width];
      load_few(value, dx + row * columns + column);
      drop(value, row * columns + column, static_cast<int64_t>(window) * columns, dropout);
#pragma unroll
      for (int e = 0; e < width; e++) sum[e] += value[e];
    }
  }
#pragma unroll
  for (int e = 0; e < width; e++) sums[group][threadIdx.x * width + e] = sum[e];
  __syncthreads();
  if (group != 0 || column >= columns) return;
  float* to = gradient + static_cast<int64_t>(id) * columns + column;
#pragma unroll
  for (int e = 0; e < width; e++) {
    float total = 0;
    for (int g = 0; g < groups; g++) total += sums[g][threadIdx.x * width + e];
    to[e] += total;
  }
}

template <int width>
__global__ void __launch_bounds__(threads)
    position_kernel(int64_t rows, int window, int columns, DropoutArguments dropout, const float* dx, float* gradient) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * width;
  const int64_t per_sequence = static_cast<int64_t>(window) * columns;
  if (i >= per_sequence) return;
  float sum[width] = {};
  for (int64_t at = i; at < rows * columns; at += per_sequence) {
    float value[width];
    load_few(value, dx + at);
    drop(value, at, per_sequence, dropout);
#pragma unroll
    for (int e = 0; e < width; e++) sum[e] += value[e];
  }
#pragma unroll
  for (int e = 0; e < width; e++) gradient[i + e] += sum[e];
}

template <int width>
void forward(const Context& context, const int32_t* inputs, int window, const float* token, const float* position,
             const DropoutArguments& dropout, Tensor x) {
  const auto to = [&](auto* result) {
    launch(context.stream, forward_kernel<width, std::remove_pointer_t<decltype(result)>>,
           ceil_div(x.size(), threads * width), threads, 0, inputs, x.rows, window, static_cast<int>(x.cols), token,
           position, dropout, result);
  };
  x.dtype == DType::fp32 ? to(x.f32()) : to(static_cast<bf16*>(x.data));
}

template <int width>
void backward(const Context& context, const int32_t* inputs, const int32_t* order, int window,
              const DropoutArguments& dropout, Tensor dx, float* token_gradient, float* position_gradient) {
  const int columns = static_cast<int>(dx.cols);
  launch(context.stream, token_kernel<width>,
         dim3(static_cast<unsigned>(dx.rows), static_cast<unsigned>(ceil_div(columns, 32 * width))), dim3(32, groups),
         0, inputs, order, dx.rows, window, columns, dropout, dx.f32(), token_gradient);
  if (!position_gradient) return;
  launch(context.stream, position_kernel<width>, ceil_div(static_cast<int64_t>(window) * columns, threads * width),
         threads, 0, dx.rows, window, columns, dropout, dx.f32(), position_gradient);
}

}  // namespace

void embedding_forward(const Context& context, const int32_t* inputs, int window, const float* token,
                       const float* position, const DropoutArguments& dropout, Tensor x) {
  const auto run = rows_aligned<float>(x.cols) ? forward<4> : forward<1>;
  run(context, inputs, window, token, position, dropout, x);
}

void embedding_backward(const Context& context, const int32_t* inputs, const int32_t* order, int window,
                        const DropoutArguments& dropout, Tensor dx, float* token_gradient, float* position_gradient) {
  const auto run = rows_aligned<float>(dx.cols) ? backward<4> : backward<1>;
  run(context, inputs, order, window, dropout, dx, token_gradient, position_gradient);
}

}  // namespace aot::cuda
