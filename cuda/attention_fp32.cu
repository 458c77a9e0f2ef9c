// Attention in fp32, forward and backward: tiles of rows in shared memory, products by plain multiply-adds.
#include "attention.cuh"

namespace aot::cuda::attention {
namespace {

// A block's 16 x 16 threads share a tile of `rows` own rows x `passing` rows that come by: a thread has rows / 16 of
// the former and passing / 16 of the latter. In sums over head_dim columns it has padded / 16 columns of its own rows.
constexpr int side = 16, threads = side * side, passing = 32;

template <int padded, int rows_>
struct Shape {
  static constexpr int rows = rows_, own = rows / side, across = passing / side, columns = padded / side;
  static constexpr int stride = padded + 4;          // of tiles of rows: 16-byte accesses without bank conflicts
  static constexpr int square_stride = passing + 4;  // of scores
};
template <int padded>
using ForwardShape = Shape<padded, 64>;
template <int padded>
using BackwardShape = Shape<padded, padded <= 64 ? 64 : 32>;

// Thread number `place` of 16 has these rows (or columns) of a tile: in pairs {r, r + 8}, as Mask serves them.
__device__ __forceinline__ int place_of(int place, int i) {
  return i / 2 * 32 + place / 8 * 16 + i % 2 * 8 + place % 8;
}

// Which columns of head_dim a thread sums: groups of neighbours as large as one access takes.
template <class S>
struct Columns {
  static constexpr int width = S::columns % 4 == 0 ? 4 : 1;
  static __device__ __forceinline__ int of(int place, int i) {
    return i / width * side * width + place * width + i % width;
  }
};

struct Thread {
  int row, column;  // of the 16 x 16
  __device__ __forceinline__ Thread() : row(threadIdx.x / side), column(threadIdx.x % side) {}
};

// --- between device and shared memory ----------------------------------------------------------------------------

// Starts to copy rows [first, first + rows) of a head into a tile; zeros past the window and past head_dim. Complete
// after cp_async_wait and a barrier.
template <int rows, class S>
__device__ __forceinline__ void load_rows(float* tile, const float* from, int64_t stride, int first,
                                          const Arguments<float>& a) {
  constexpr int padded = S::columns * side;
  if (a.copy_bytes == 16) {
    load_chunks<4, padded, S::stride, rows, threads>(tile, from, stride, first, a);
  } else {
    load_chunks<1, padded, S::stride, rows, threads>(tile, from, stride, first, a);
  }
}

// Writes a thread's sums of its rows, times `factor`, from `first` on.
template <class S>
__device__ __forceinline__ void store_rows(float* to, int64_t stride, int first,
                                           const float (&sums)[S::own][S::columns], const float (&factor)[S::own],
                                           const Thread& at, const Arguments<float>& a) {
  constexpr int width = Columns<S>::width;
#pragma unroll
  for (int i = 0; i < S::own; i++) {
    const int row = first + place_of(at.row, i);
    if (row >= a.window) continue;
#pragma unroll
    for (int c = 0; c < S::columns; c += width) {
      const int column = Columns<S>::of(at.column, c);
      float x[width];
#pragma unroll
      for (int e = 0; e < width; e++) x[e] = sums[i][c + e] * factor[i];
      if (width == 4 && a.copy_bytes == 16) {
        if (column < a.head_dim) store_few(to + row * stride + column, x);
      } else {
#pragma unroll
        for (int e = 0; e < width; e++) {
          if (column + e < a.head_dim) to[row * stride + column + e] = x[e];
        }
      }
    }
  }
}

// --- products ----------------------------------------------------------------------------------------------------

// square = own passing^T
template <class S>
__device__ __forceinline__ void multiply_transposed(float (&square)[S::own][S::across], const float* own,
                                                    const float* others, const Thread& at, int head_dim) {
#pragma unroll
  for (int i = 0; i < S::own; i++) {
#pragma unroll
    for (int j = 0; j < S::across; j++) square[i][j] = 0;
  }
#pragma unroll 1
  for (int k = 0; k < head_dim; k += 4) {  // the padding is zeros
    float x[S::own][4], y[S::across][4];
#pragma unroll
    for (int i = 0; i < S::own; i++) load_pack(x[i], own + place_of(at.row, i) * S::stride + k);
#pragma unroll
    for (int j = 0; j < S::across; j++) load_pack(y[j], others + place_of(at.column, j) * S::stride + k);
#pragma unroll
    for (int e = 0; e < 4; e++) {
#pragma unroll
      for (int i = 0; i < S::own; i++) {
#pragma unroll
        for (int j = 0; j < S::across; j++) square[i][j] += x[i][e] * y[j][e];
      }
    }
  }
}

// sums += square passing, where the square is in shared memory.
template <class S>
__device__ __forceinline__ void add_product(float (&sums)[S::own][S::columns], const float* square, const float* others,
                                            const Thread& at) {
  constexpr int width = Columns<S>::width;
#pragma unroll 1
  for (int k = 0; k < passing; k += 4) {
    float x[S::own][4];
#pragma unroll
    for (int i = 0; i < S::own; i++) load_pack(x[i], square + place_of(at.row, i) * S::square_stride + k);
#pragma unroll
    for (int e = 0; e < 4; e++) {
#pragma unroll
      for (int c = 0; c < S::columns; c += width) {
        float y[width];
        load_few(y, others + (k + e) * S::stride + Columns<S>::of(at.column, c));
#pragma unroll
        for (int i = 0; i < S::own; i++) {
#pragma unroll
          for (int w = 0; w < width; w++) sums[i][c + w] += x[i][e] * y[w];
        }
      }
    }
  }
}

// Puts a thread's part of a square into shared memory, for the 16 threads of its rows: they are of one warp.
template <class S>
__device__ __forceinline__ void share(float* to, const float (&square)[S::own][S::across], const Thread& at) {
#pragma unroll
  for (int i = 0; i < S::own; i++) {
#pragma unroll
    for (int j = 0; j < S::across; j++)
      to[place_of(at.row, i) * S::square_stride + place_of(at.column, j)] = square[i][j];
  }
}

// Over the 16 threads that share rows.
template <class F>
__device__ __forceinline__ float reduce(float x, F f) {
#pragma unroll
  for (int offset = side / 2; offset > 0; offset /= 2) x = f(x, __shfl_xor_sync(full_mask, x, offset));
  return x;
}
__device__ __forceinline__ float add(float x, float y) { return x + y; }
__device__ __forceinline__ float larger(float x, float y) { return fmaxf(x, y); }

// Calls drop(i, j) for each of a thread's elements that dropout drops. transposed: own rows are keys.
template <class S, bool transposed, class Drop>
__device__ __forceinline__ void for_dropped(const Mask& mask, int first_own, int first_other, const Thread& at,
                                            const DropoutArguments& dropout, Drop drop) {
#pragma unroll
  for (int i = 0; i < S::own; i += 2) {
#pragma unroll
    for (int j = 0; j < S::across; j += 2) {
      const int own = first_own + place_of(at.row, i), other = first_other + place_of(at.column, j);
      uint32_t words[4];
      mask.words(words, transposed ? other : own, transposed ? own : other, dropout);
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int own_half = transposed ? e % 2 : e / 2, other_half = transposed ? e / 2 : e % 2;
        if (words[e] < dropout.threshold) drop(i + own_half, j + other_half);
      }
    }
  }
}

// --- kernels -----------------------------------------------------------------------------------------------------

template <int padded>
__global__ void __launch_bounds__(threads, 2) forward_kernel(Arguments<float> a) {
  using S = ForwardShape<padded>;
  AOT_DYNAMIC_SHARED(float, queries);
  float *keys = queries + S::rows * S::stride, *values = keys + passing * S::stride;
  float* square = values + passing * S::stride;
  const Thread at;
  // The last queries see the most keys: they start first.
  const int blocks = (a.window + S::rows - 1) / S::rows, block = blocks - 1 - static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int first_row = block * S::rows, end = min(a.window, first_row + S::rows);
  const float *head_queries = a.qkv + head.in, *head_keys = head_queries + a.out_stride(),
              *head_values = head_keys + a.out_stride();
  const float scale_log2 = a.scale * log2_e;
  const Mask mask(a.dropout, a.heads, head.index);

  load_rows<S::rows, S>(queries, head_queries, a.in_stride(), first_row, a);
  float out[S::own][S::columns] = {}, largest[S::own], sum[S::own] = {};
#pragma unroll
  for (int i = 0; i < S::own; i++) largest[i] = -INFINITY;
  for (int tile = 0; tile < end; tile += passing) {
    load_rows<passing, S>(keys, head_keys, a.in_stride(), tile, a);
    load_rows<passing, S>(values, head_values, a.in_stride(), tile, a);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    float scores[S::own][S::across];
    multiply_transposed<S>(scores, queries, keys, at, a.head_dim);
#pragma unroll
    for (int i = 0; i < S::own; i++) {
      const int row = first_row + place_of(at.row, i);
      float best = largest[i];
#pragma unroll
      for (int j = 0; j < S::across; j++) {
        if (tile + place_of(at.column, j) > row) scores[i][j] = -INFINITY;
        best = fmaxf(best, scores[i][j]);
      }
      best = reduce(best, larger);  // finite: every row sees the first key
      const float correction = exp2_fast((largest[i] - best) * scale_log2);
      largest[i] = best;
      sum[i] *= correction;
#pragma unroll
      for (int j = 0; j < S::across; j++) {
        scores[i][j] = exp2_fast((scores[i][j] - best) * scale_log2);
        sum[i] += scores[i][j];
      }
#pragma unroll
      for (int c = 0; c < S::columns; c++) out[i][c] *= correction;
    }
    if (a.dropout.threshold > 0) {
      for_dropped<S, false>(mask, first_row, tile, at, a.dropout, [&](int i, int j) { scores[i][j] = 0; });
    }
    share<S>(square, scores, at);
    __syncwarp();
    add_product<S>(out, square, values, at);
    __syncthreads();  // before the next tiles are loaded
  }

  float factor[S::own];
#pragma unroll
  for (int i = 0; i < S::own; i++) {
    sum[i] = reduce(sum[i], add);
    const int row = first_row + place_of(at.row, i);
    if (at.column == 0 && row < a.window) {
      a.lse[static_cast<int64_t>(head.index) * a.window + row] = largest[i] * a.scale + logf(sum[i]);
    }
    factor[i] = a.dropout.scale / sum[i];
  }
  store_rows<S>(a.out + head.out, a.out_stride(), first_row, out, factor, at, a);
}

// scores become dropout(probabilities); products = dout values^T become dscores, without the scale of the scores. lse
// and delta belong to own rows or, when transposed, to the rows that come by.
template <class S, bool transposed>
__device__ __forceinline__ void make_gradients(float (&scores)[S::own][S::across], float (&products)[S::own][S::across],
                                               const float* lse, const float* delta, int first_own, int first_other,
                                               const Mask& mask, const Thread& at, const Arguments<float>& a) {
  float keep[S::own][S::across];
#pragma unroll
  for (int i = 0; i < S::own; i++) {
#pragma unroll
    for (int j = 0; j < S::across; j++) keep[i][j] = a.dropout.scale;
  }
  if (a.dropout.threshold > 0) {
    for_dropped<S, transposed>(mask, first_own, first_other, at, a.dropout, [&](int i, int j) { keep[i][j] = 0; });
  }
#pragma unroll
  for (int i = 0; i < S::own; i++) {
#pragma unroll
    for (int j = 0; j < S::across; j++) {
      const int own = first_own + place_of(at.row, i), other = first_other + place_of(at.column, j);
      const int query = transposed ? other : own, key = transposed ? own : other, line = transposed ? j : i;
      const float probability = key <= query ? exp2_fast((scores[i][j] * a.scale - lse[line]) * log2_e) : 0;
      scores[i][j] = probability * keep[i][j];
      products[i][j] = probability * (products[i][j] * keep[i][j] - delta[line]);
      // The first query sees one key: its probability is 1 whatever the score.
      if (query == 0) products[i][j] = 0;
    }
  }
}

// dq of a block's queries; also delta, for keys_kernel.
template <int padded>
__global__ void __launch_bounds__(threads, 2) queries_kernel(Arguments<float> a) {
  using S = BackwardShape<padded>;
  AOT_DYNAMIC_SHARED(float, queries);
  float *douts = queries + S::rows * S::stride, *keys = douts + S::rows * S::stride;
  float *values = keys + passing * S::stride, *square = values + passing * S::stride;
  const Thread at;
  const int blocks = (a.window + S::rows - 1) / S::rows, block = blocks - 1 - static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int first_row = block * S::rows, end = min(a.window, first_row + S::rows);
  const float *head_keys = a.qkv + head.in + a.out_stride(), *head_values = head_keys + a.out_stride();
  const Mask mask(a.dropout, a.heads, head.index);

  load_rows<S::rows, S>(queries, a.qkv + head.in, a.in_stride(), first_row, a);
  load_rows<S::rows, S>(douts, a.dout + head.out, a.out_stride(), first_row, a);
  float dqueries[S::own][S::columns] = {}, lse[S::own], delta[S::own];
#pragma unroll
  for (int i = 0; i < S::own; i++) {
    const int row = first_row + place_of(at.row, i), inside = min(row, a.window - 1);
    const int64_t place = static_cast<int64_t>(head.index) * a.window + inside, start = inside * a.out_stride();
    float sum = 0;
    for (int column = at.column; column < a.head_dim; column += side) {
      sum += a.out[head.out + start + column] * a.dout[head.out + start + column];
    }
    lse[i] = a.lse[place];
    delta[i] = reduce(sum, add);
    if (at.column == 0 && row < a.window) a.delta[place] = delta[i];
  }
  for (int tile = 0; tile < end; tile += passing) {
    load_rows<passing, S>(keys, head_keys, a.in_stride(), tile, a);
    load_rows<passing, S>(values, head_values, a.in_stride(), tile, a);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    float scores[S::own][S::across], products[S::own][S::across];
    multiply_transposed<S>(scores, queries, keys, at, a.head_dim);
    multiply_transposed<S>(products, douts, values, at, a.head_dim);
    make_gradients<S, false>(scores, products, lse, delta, first_row, tile, mask, at, a);
    share<S>(square, products, at);
    __syncwarp();
    add_product<S>(dqueries, square, keys, at);
    __syncthreads();  // before the next tiles are loaded
  }
  float factor[S::own];
#pragma unroll
  for (int i = 0; i < S::own; i++) factor[i] = a.scale;
  store_rows<S>(a.dqkv + head.in, a.in_stride(), first_row, dqueries, factor, at, a);
}

// dk and dv of a block's keys. The matrix of scores is transposed here: its rows are keys.
template <int padded>
__global__ void __launch_bounds__(threads, 2) keys_kernel(Arguments<float> a) {
  using S = BackwardShape<padded>;
  AOT_DYNAMIC_SHARED(float, keys);
  float *values = keys + S::rows * S::stride, *queries = values + S::rows * S::stride;
  float *douts = queries + passing * S::stride, *probabilities = douts + passing * S::stride;
  float* dscores = probabilities + S::rows * S::square_stride;
  const Thread at;
  const int blocks = (a.window + S::rows - 1) / S::rows, block = static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int first_row = block * S::rows;
  const float *head_queries = a.qkv + head.in, *head_keys = head_queries + a.out_stride();
  const int64_t lines = static_cast<int64_t>(head.index) * a.window;
  const Mask mask(a.dropout, a.heads, head.index);

  load_rows<S::rows, S>(keys, head_keys, a.in_stride(), first_row, a);
  load_rows<S::rows, S>(values, head_keys + a.out_stride(), a.in_stride(), first_row, a);
  float dkeys[S::own][S::columns] = {}, dvalues[S::own][S::columns] = {};
  for (int tile = first_row; tile < a.window; tile += passing) {
    load_rows<passing, S>(queries, head_queries, a.in_stride(), tile, a);
    load_rows<passing, S>(douts, a.dout + head.out, a.out_stride(), tile, a);
    cp_async_commit();
    float lse[S::across], delta[S::across];
#pragma unroll
    for (int j = 0; j < S::across; j++) {
      const int row = tile + place_of(at.column, j);
      lse[j] = row < a.window ? a.lse[lines + row] : INFINITY;  // of probability 0
      delta[j] = row < a.window ? a.delta[lines + row] : 0;
    }
    cp_async_wait<0>();
    __syncthreads();
    float scores[S::own][S::across], products[S::own][S::across];
    multiply_transposed<S>(scores, keys, queries, at, a.head_dim);
    multiply_transposed<S>(products, values, douts, at, a.head_dim);
    make_gradients<S, true>(scores, products, lse, delta, first_row, tile, mask, at, a);
    share<S>(probabilities, scores, at);
    share<S>(dscores, products, at);
    __syncwarp();
    add_product<S>(dvalues, probabilities, douts, at);
    add_product<S>(dkeys, dscores, queries, at);
    __syncthreads();  // before the next tiles are loaded
  }
  float key_factor[S::own], value_factor[S::own];
#pragma unroll
  for (int i = 0; i < S::own; i++) {
    key_factor[i] = a.scale;
    value_factor[i] = 1;
  }
  float *to_keys = a.dqkv + head.in + a.out_stride(), *to_values = to_keys + a.out_stride();
  store_rows<S>(to_keys, a.in_stride(), first_row, dkeys, key_factor, at, a);
  store_rows<S>(to_values, a.in_stride(), first_row, dvalues, value_factor, at, a);
}

template <class S>
constexpr size_t shared_bytes(int own_tiles, int squares) {
  return ((own_tiles * S::rows + 2 * passing) * S::stride + squares * S::rows * S::square_stride) * sizeof(float);
}

template <class S>
dim3 grid(const Arguments<float>& a) {
  return dim3(ceil_div(a.window, S::rows) * a.batch * a.heads);
}

}  // namespace

void launch_forward(Stream stream, const Arguments<float>& a) {
  with_padded_head_dim(a.head_dim, [&](auto padded) {
    using S = ForwardShape<padded>;
    launch(stream, forward_kernel<padded>, grid<S>(a), dim3(threads), shared_bytes<S>(1, 1), a);
  });
}

void launch_backward(Stream stream, const Arguments<float>& a) {
  with_padded_head_dim(a.head_dim, [&](auto padded) {
    using S = BackwardShape<padded>;
    launch(stream, queries_kernel<padded>, grid<S>(a), dim3(threads), shared_bytes<S>(2, 1), a);
    launch(stream, keys_kernel<padded>, grid<S>(a), dim3(threads), shared_bytes<S>(2, 2), a);
  });
}

}  // namespace aot::cuda::attention
