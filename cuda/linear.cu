// Matrix products: which kernel makes them, sums of splits, and column sums for the gradients of biases.
#include <algorithm>

#include "cublaslt.h"
#include "gemm.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads)
    finish_kernel(Finish f, const float* sums, int splits, int stride, int64_t groups) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i >= groups) return;
  const int row = static_cast<int>(i / (stride / 4)), column = static_cast<int>(i % (stride / 4)) * 4;
  float v[4];
  load_pack(v, sums + i * 4);
  for (int split = 1; split < splits; split++) {
    float more[4];
    load_pack(more, sums + (split * groups + i) * 4);
#pragma unroll
    for (int e = 0; e < 4; e++) v[e] += more[e];
  }
  finish(f, row, column, v);
}

// --- column sums ---------------------------------------------------------------------------------------------------

// A lane keeps `width` columns, the block's 8 warps take a row each in turn; partial[gridDim.y][columns].
template <class E, int width>
__global__ void __launch_bounds__(threads)
    column_sums_kernel(const E* x, int64_t rows, int columns, int64_t rows_a_block, float* partial) {
  constexpr int warps = threads / 32;
  AOT_SHARED(float, shares, [warps][32 * width]);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = (blockIdx.x * 32 + lane) * width;
  const int64_t first = blockIdx.y * rows_a_block, end = min(rows, first + rows_a_block);
  float sums[width] = {};
  if (column < columns) {
    for (int64_t row = first + warp; row < end; row += warps) {
      const E* from = x + row * columns + column;
      float values[width];
      if constexpr (width > 1) {
        load_pack(values, from);
      } else {
        values[0] = to_float(*from);
      }
#pragma unroll
      for (int i = 0; i < width; i++) sums[i] += values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < width; i++) shares[warp][i * 32 + lane] = sums[i];
  __syncthreads();
  for (int i = threadIdx.x; i < 32 * width; i += threads) {
    float sum = 0;
#pragma unroll
    for (int w = 0; w < warps; w++) sum += shares[w][i % width * 32 + i / width];
    const int to = blockIdx.x * 32 * width + i;
    if (to < columns) partial[static_cast<int64_t>(blockIdx.y) * columns + to] = sum;
  }
}

__global__ void __launch_bounds__(threads)
    add_shares_kernel(const float* partial, int shares, int columns, float* sums) {
  const int column = blockIdx.x * threads + threadIdx.x;
  if (column >= columns) return;
  float sum = 0;
  for (int share = 0; share < shares; share++) sum += partial[static_cast<int64_t>(share) * columns + column];
  sums[column] += sum;
}

template <class E, int width>
void column_sums(const Context& context, Tensor x, float* sums) {
  const int column_blocks = ceil_div(x.cols, 32 * width);
  // Enough blocks for every multiprocessor, and at least 32 rows for each.
  const int64_t wanted =
      std::max<int64_t>(1, std::min<int64_t>(ceil_div(x.rows, 32), 4 * context.multiprocessors / column_blocks));
  const int64_t rows_a_block = ceil_div(x.rows, wanted);
  const int shares = ceil_div(x.rows, rows_a_block), columns = static_cast<int>(x.cols);
  const size_t mark = context.workspace->mark();
  float* partial = context.workspace->take_floats(shares * x.cols, context.stream);
  launch(context.stream, column_sums_kernel<E, width>, dim3(column_blocks, shares), threads, 0,
         static_cast<const E*>(x.data), x.rows, columns, rows_a_block, partial);
  launch(context.stream, add_shares_kernel, ceil_div(columns, threads), threads, 0, partial, shares, columns, sums);
  context.workspace->rewind(mark);
}

template <class E>
void column_sums_of(const Context& context, Tensor x, float* sums) {
  if (aligned16(x.data) && rows_aligned<E>(x.cols)) {
    column_sums<E, pack_size<E>>(context, x, sums);
  } else {
    column_sums<E, 1>(context, x, sums);
  }
}

// --- products by the library ---------------------------------------------------------------------------------------

void multiply_built_in(const Context& context, const Product& product) {
  product.in == DType::bf16 ? multiply_bf16(context, product) : multiply_fp32(context, product);
}

// By the library where it has a way to do it.
void multiply_plain(const Context& context, const Product& product) {
  if (!context.cublaslt->multiply(context.stream, product)) multiply_built_in(context, product);
}

const void* moved(const void* pointer, int64_t elements, DType type) {
  if (!pointer) return nullptr;
  return static_cast<const char*>(pointer) + elements * static_cast<int64_t>(size_of(type));
}

// The library makes the sums in fp32, some rows at a time so that they stay in the second-level cache, and
// finish_sums() does the rest.
void multiply_in_parts(const Context& context, const Product& product) {
  const int64_t stride = ceil_div(product.n, 4) * 4;
  const auto most = static_cast<int64_t>(context.sums_bytes / (static_cast<size_t>(stride) * sizeof(float)));
  const int64_t rows = std::min(product.m, std::max<int64_t>(128, most / 128 * 128));
  const size_t mark = context.workspace->mark();
  float* sums = context.workspace->take_floats(rows * stride, context.stream);
  for (int64_t row = 0; row < product.m; row += rows) {
    Product part = product;
    part.m = std::min(rows, product.m - row);
    part.a = moved(product.a, product.a_transposed ? row : row * product.lda, product.in);
    part.c = const_cast<void*>(moved(product.c, row * product.ldc, product.out));
    part.aux = const_cast<void*>(moved(product.aux, row * product.ldc, product.out));
    part.residual = static_cast<const float*>(moved(product.residual, row * product.ldc, DType::fp32));
    Finish finish = make_finish(part);
    finish.first_row = row;
    part.c = sums;
    part.out = DType::fp32;
    part.ldc = stride;
    part.then = Product::Then::store;
    part.bias = nullptr;
    multiply_plain(context, part);
    finish_sums(context, finish, sums, 1, static_cast<int>(stride));
  }
  context.workspace->rewind(mark);
}

}  // namespace

Finish make_finish(const Product& product) {
  Finish f;
  f.c = product.c;
  f.aux = product.aux;
  f.bias = product.bias;
  f.residual = product.residual;
  f.ldc = product.ldc;
  f.rows_per_sequence = product.rows_per_sequence;
  f.m = static_cast<int>(product.m);
  f.n = static_cast<int>(product.n);
  f.then = product.then;
  f.bf16_out = product.out == DType::bf16;
  f.dropout = product.dropout;
  const size_t four = 4 * size_of(product.out);
  f.wide = product.ldc % 4 == 0 && reinterpret_cast<uintptr_t>(product.c) % four == 0 &&
           reinterpret_cast<uintptr_t>(product.aux) % four == 0 && aligned16(product.bias) &&
           aligned16(product.residual);
  return f;
}

void finish_sums(const Context& context, const Finish& finish, const float* sums, int splits, int stride) {
  const int64_t groups = static_cast<int64_t>(finish.m) * (stride / 4);
  launch(context.stream, finish_kernel, ceil_div(groups, threads), threads, 0, finish, sums, splits, stride, groups);
}

void launch_gemm(const Context& context, const Product& product, Gemm gemm, const GemmKernel& small,
                 const GemmKernel& large, int depth) {
  const auto tiles = [&](int64_t size) {
    return ceil_div(product.m, size) * static_cast<int64_t>(ceil_div(product.n, size));
  };
  // A large tile costs as much as four small ones, and is made faster. Where tiles are few, k can be split, in shares
  // that are worth their detour through memory.
  constexpr int64_t large_share = 512, small_share = 128;
  const bool use_large = tiles(128) * std::max<int64_t>(1, product.k / large_share) >= context.multiprocessors &&
                         4 * tiles(128) * 4 <= tiles(64) * 5;
  const int tile = use_large ? 128 : 64;
  const GemmKernel& kernel = use_large ? large : small;
  gemm.a = product.a;
  gemm.b = product.b;
  gemm.lda = product.lda;
  gemm.ldb = product.ldb;
  gemm.m = static_cast<int>(product.m);
  gemm.n = static_cast<int>(product.n);
  gemm.k = static_cast<int>(product.k);
  gemm.m_tiles = ceil_div(product.m, tile);
  gemm.n_tiles = ceil_div(product.n, tile);
  gemm.finish = make_finish(product);

  const int64_t wanted = std::max<int64_t>(
      1, std::min(product.k / (use_large ? large_share : small_share), 2 * context.multiprocessors / tiles(tile)));
  gemm.split_k = ceil_div(ceil_div(product.k, wanted), depth) * depth;
  const int splits = ceil_div(product.k, gemm.split_k);
  const size_t mark = context.workspace->mark();
  if (splits > 1) {
    gemm.partial_stride = ceil_div(product.n, 4) * 4;
    gemm.partial = context.workspace->take_floats(splits * product.m * gemm.partial_stride, context.stream);
  }
  launch(context.stream, kernel.kernel, dim3(static_cast<unsigned>(tiles(tile)), splits), kernel.threads,
         kernel.shared_bytes, gemm);
  if (splits > 1) finish_sums(context, gemm.finish, gemm.partial, splits, gemm.partial_stride);
  context.workspace->rewind(mark);
}

void multiply(const Context& context, const Product& product) {
  if (!context.cublaslt) return multiply_built_in(context, product);
  // What the library's own epilogues do exactly it does in one go. They know no other GELU than the approximation by
  // tanh, no dropout, and add to bf16 only a bias in bf16.
  const bool plain = product.then == Product::Then::store || product.then == Product::Then::accumulate;
  const bool exact_bias = !product.bias || (product.out == DType::fp32 && aligned16(product.bias));
  plain&& exact_bias ? multiply_plain(context, product) : multiply_in_parts(context, product);
}

void add_column_sums(const Context& context, Tensor x, float* sums) {
  x.dtype == DType::bf16 ? column_sums_of<bf16>(context, x, sums) : column_sums_of<float>(context, x, sums);
}

}  // namespace aot::cuda
