// The backward pass of attention in bf16 on tensor cores. Scores are made again from qkv, probabilities are
// exp(score - lse); dscore = probability * (dprobability - delta).
#include "attention_tiles.cuh"

namespace aot::cuda::attention {
namespace {

// The pieces that both kernels are made of: a warp owns row tiles of 16 queries (or keys), whose fragments and sums
// stay with it, while tiles of `passing` keys (or queries) come by, two buffers each; taken 16 at a time.
template <int padded, int row_tiles_, int blocks_>
struct Shape {
  static constexpr int warps = 4, threads = 32 * warps, row_tiles = row_tiles_, warp_rows = 16 * row_tiles;
  static constexpr int rows = warps * warp_rows, passing = padded <= 64 ? 64 : 32;
  static constexpr int blocks = blocks_;  // at a time on a multiprocessor
  static constexpr int own_tile = rows * row_stride<padded>, tile = passing * row_stride<padded>;
  static constexpr size_t shared_bytes = (2 * own_tile + 4 * tile) * sizeof(bf16);
};
template <int padded>
using QueryShape = Shape<padded, padded <= 64 ? 2 : 1, padded <= 32 ? 3 : 2>;
template <int padded>
using KeyShape = Shape<padded, padded <= 32 ? 2 : 1, padded <= 16 ? 3 : 2>;

// Whether keys_kernel keeps the fragments of its values in registers.
template <int padded>
constexpr bool values_held = padded <= 96;

template <int padded, class S>
using Sums = float[S::row_tiles][padded / 8][4];
template <class S>
using Square = float[S::row_tiles][2][4];  // 16 x 16 for each row tile

// Where a 16 x 16 square of a row tile lies in the head's matrix of scores. transposed: its rows are keys.
template <bool transposed>
struct Place {
  int row, column;
  __device__ __forceinline__ int first_query() const { return transposed ? column : row; }
  __device__ __forceinline__ int first_key() const { return transposed ? row : column; }
};

// sums += square passing, for 16 passing rows.
template <int padded, class S>
__device__ __forceinline__ void add_rounded_product(Sums<padded, S>& sums, const Square<S>& square, const bf16* passing,
                                                    const WarpLane& at) {
  uint32_t a[S::row_tiles][4];
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) round_to_a(a[t], square[t][0], square[t][1]);
  add_product<padded, S::row_tiles>(sums, a, passing, at);
}

// scores become dropout(probabilities), without its scale; products = dout values^T become dscores, without theirs.
// lse, in units of log 2, and delta belong to a lane's columns [n*2 + e] when transposed, else to its rows [half].
template <bool transposed, bool dropping>
__device__ __forceinline__ void make_gradients(float (&scores)[2][4], float (&products)[2][4], const float* lse,
                                               const float* delta, Place<transposed> place, const Mask& mask,
                                               const WarpLane& at, const Arguments<bf16>& a) {
  const float scale_log2 = a.scale * log2_e;
  const float inverse_keep = dropping ? a.dropout.scale : 1;
  const Kept<transposed, dropping> kept(mask, place.first_query(), place.first_key(), at, a.dropout);
#pragma unroll
  for (int n = 0; n < 2; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int line = transposed ? n * 2 + i % 2 : i / 2;
      const float probability = exp2_fast(scores[n][i] * scale_log2 - lse[line]);
      scores[n][i] = kept(n, i, probability);
      products[n][i] = probability * (kept(n, i, products[n][i]) * inverse_keep - delta[line]);
    }
  }
  if (place.first_key() + 15 <= place.first_query()) return;
#pragma unroll
  for (int n = 0; n < 2; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int row = place.row + at.group + i / 2 * 8, column = place.column + n * 8 + at.pair + i % 2;
      const int query = transposed ? column : row, key = transposed ? row : column;
      if (key > query) scores[n][i] = 0;
      // The first query sees one key: its probability is 1 whatever the score. delta, from rounded outputs, would not
      // make that exactly 0.
      if (key > query || query == 0) products[n][i] = 0;
    }
  }
}

// The dot product of two rows in device memory, by the four lanes of a group together.
__device__ __forceinline__ float dot_of_rows(const bf16* x, const bf16* y, const WarpLane& at,
                                             const Arguments<bf16>& a) {
  float sum = 0;
  if (a.copy_bytes == 16) {
    for (int column = at.pair * 4; column < a.head_dim; column += 32) {
      float from_x[8], from_y[8];
      load_pack(from_x, x + column);
      load_pack(from_y, y + column);
#pragma unroll
      for (int i = 0; i < 8; i++) sum += from_x[i] * from_y[i];
    }
  } else {
    for (int column = at.pair / 2; column < a.head_dim; column += 4) sum += to_float(x[column]) * to_float(y[column]);
  }
  sum += __shfl_xor_sync(full_mask, sum, 1);
  return sum + __shfl_xor_sync(full_mask, sum, 2);
}

// dq of a block's queries; also delta, for keys_kernel.
template <int padded, bool dropping>
__global__ void __launch_bounds__(QueryShape<padded>::threads, QueryShape<padded>::blocks)
    queries_kernel(Arguments<bf16> a) {
  using S = QueryShape<padded>;
  AOT_DYNAMIC_SHARED(bf16, queries);
  bf16 *douts = queries + S::own_tile, *keys = douts + S::own_tile, *values = keys + 2 * S::tile;
  const WarpLane at;
  // The last queries see the most keys: they start first.
  const int blocks = (a.window + S::rows - 1) / S::rows, block = blocks - 1 - static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int block_row = block * S::rows, first_row = block_row + at.warp * S::warp_rows;
  // Of the keys that the block and the warp see. A warp without queries sees none.
  const int end = min(a.window, block_row + S::rows), end_of_warp = first_row < a.window ? first_row + S::warp_rows : 0;
  const bf16 *head_keys = a.qkv + head.in + a.out_stride(), *head_values = head_keys + a.out_stride();
  const bf16 *head_out = a.out + head.out, *head_dout = a.dout + head.out;
  const Mask mask(a.dropout, a.heads, head.index);
  const int warp_offset = at.warp * S::warp_rows * row_stride<padded>;

  load_rows<padded, S::rows, S::threads>(queries, a.qkv + head.in, a.in_stride(), block_row, a);
  load_rows<padded, S::rows, S::threads>(douts, head_dout, a.out_stride(), block_row, a);
  load_rows<padded, S::passing, S::threads>(keys, head_keys, a.in_stride(), 0, a);
  load_rows<padded, S::passing, S::threads>(values, head_values, a.in_stride(), 0, a);
  cp_async_commit();

  float lse[S::row_tiles][2], delta[S::row_tiles][2];
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = first_row + t * 16 + at.group + half * 8, inside = min(row, a.window - 1);
      const int64_t place = static_cast<int64_t>(head.index) * a.window + inside, start = inside * a.out_stride();
      lse[t][half] = a.lse[place] * log2_e;
      delta[t][half] = dot_of_rows(head_out + start, head_dout + start, at, a);
      if (at.pair == 0 && row < a.window) a.delta[place] = delta[t][half];
    }
  }

  Sums<padded, S> dqueries = {};
  Fragments<padded, S::row_tiles> own_queries, own_douts;
  for (int tile = 0, buffer = 0; tile < end; tile += S::passing, buffer ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this tile is here for all, and nobody reads the other buffer any more
    if (tile + S::passing < end) {
      const int other = (buffer ^ 1) * S::tile;
      load_rows<padded, S::passing, S::threads>(keys + other, head_keys, a.in_stride(), tile + S::passing, a);
      load_rows<padded, S::passing, S::threads>(values + other, head_values, a.in_stride(), tile + S::passing, a);
    }
    cp_async_commit();
    if (tile == 0) {
      load_fragments<padded, S::row_tiles>(own_queries, queries + warp_offset, at);
      load_fragments<padded, S::row_tiles>(own_douts, douts + warp_offset, at);
    }
    const int seen = min(S::passing, end_of_warp - tile);
#pragma unroll 1
    for (int step = 0; step < seen; step += 16) {
      const bf16 *k = keys + buffer * S::tile + step * row_stride<padded>, *v = k + 2 * S::tile;
      Square<S> scores = {}, products = {};
      multiply_transposed<padded, S::row_tiles, 2, true>(scores, own_queries, queries + warp_offset, k, at);
      multiply_transposed<padded, S::row_tiles, 2, true>(products, own_douts, douts + warp_offset, v, at);
#pragma unroll
      for (int t = 0; t < S::row_tiles; t++) {
        make_gradients<false, dropping>(scores[t], products[t], lse[t], delta[t], {first_row + t * 16, tile + step},
                                        mask, at, a);
      }
      add_rounded_product<padded, S>(dqueries, products, k, at);
    }
  }

  const float factor[2] = {a.scale, a.scale};
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
    store_tile<padded>(a.dqkv + head.in, a.in_stride(), first_row + t * 16, dqueries[t], factor,
                       queries + warp_offset + t * 16 * row_stride<padded>, at, a);
  }
}

// dk and dv of a block's keys. The matrix of scores is transposed here: its rows are keys.
template <int padded, bool dropping>
__global__ void __launch_bounds__(KeyShape<padded>::threads, KeyShape<padded>::blocks) keys_kernel(Arguments<bf16> a) {
  using S = KeyShape<padded>;
  AOT_DYNAMIC_SHARED(bf16, keys);
  bf16 *values = keys + S::own_tile, *queries = values + S::own_tile, *douts = queries + 2 * S::tile;
  float* rows = reinterpret_cast<float*>(douts + 2 * S::tile);  // [buffer][lse, delta][passing]
  const WarpLane at;
  // The first keys are seen by the most queries: they start first.
  const int blocks = (a.window + S::rows - 1) / S::rows, block = static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int block_row = block * S::rows, first_row = block_row + at.warp * S::warp_rows;
  const bf16 *head_queries = a.qkv + head.in, *head_keys = head_queries + a.out_stride();
  const bf16 *head_values = head_keys + a.out_stride(), *head_dout = a.dout + head.out;
  const Mask mask(a.dropout, a.heads, head.index);
  const int warp_offset = at.warp * S::warp_rows * row_stride<padded>;

  const auto load_queries = [&](int tile, int buffer) {
    load_rows<padded, S::passing, S::threads>(queries + buffer * S::tile, head_queries, a.in_stride(), tile, a);
    load_rows<padded, S::passing, S::threads>(douts + buffer * S::tile, head_dout, a.out_stride(), tile, a);
    if (threadIdx.x >= 2 * S::passing) return;
    const int row = tile + threadIdx.x % S::passing;
    const bool ok = row < a.window;
    const float* from = (threadIdx.x < S::passing ? a.lse : a.delta) + static_cast<int64_t>(head.index) * a.window;
    cp_async<4>(rows + buffer * 2 * S::passing + threadIdx.x, from + (ok ? row : 0), ok);
  };
  load_rows<padded, S::rows, S::threads>(keys, head_keys, a.in_stride(), block_row, a);
  load_rows<padded, S::rows, S::threads>(values, head_values, a.in_stride(), block_row, a);
  load_queries(block_row, 0);
  cp_async_commit();

  Sums<padded, S> dkeys = {}, dvalues = {};
  Fragments<padded, S::row_tiles> own_keys, own_values;
  for (int tile = block_row, buffer = 0; tile < a.window; tile += S::passing, buffer ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this tile is here for all, and nobody reads the other buffer any more
    if (tile + S::passing < a.window) load_queries(tile + S::passing, buffer ^ 1);
    cp_async_commit();
    if (tile == block_row) {
      load_fragments<padded, S::row_tiles>(own_keys, keys + warp_offset, at);
      if (values_held<padded>) load_fragments<padded, S::row_tiles>(own_values, values + warp_offset, at);
    }
    const int seen = min(S::passing, a.window - tile);
#pragma unroll 1
    for (int step = max(0, first_row - tile); step < seen; step += 16) {
      const bf16 *q = queries + buffer * S::tile + step * row_stride<padded>, *d = q + 2 * S::tile;
      const float* row = rows + buffer * 2 * S::passing + step + at.pair;
      const float lse[4] = {row[0] * log2_e, row[1] * log2_e, row[8] * log2_e, row[9] * log2_e};
      row += S::passing;
      const float delta[4] = {row[0], row[1], row[8], row[9]};
      Square<S> scores = {}, products = {};
      multiply_transposed<padded, S::row_tiles, 2, true>(scores, own_keys, keys + warp_offset, q, at);
      multiply_transposed<padded, S::row_tiles, 2, values_held<padded>>(products, own_values, values + warp_offset, d,
                                                                        at);
#pragma unroll
      for (int t = 0; t < S::row_tiles; t++) {
        make_gradients<true, dropping>(scores[t], products[t], lse, delta, {first_row + t * 16, tile + step}, mask, at,
                                       a);
      }
      add_rounded_product<padded, S>(dvalues, scores, d, at);
      add_rounded_product<padded, S>(dkeys, products, q, at);
    }
  }

  const float key_factor[2] = {a.scale, a.scale};
  const float value_scale = dropping ? a.dropout.scale : 1, value_factor[2] = {value_scale, value_scale};
  bf16 *to_keys = a.dqkv + head.in + a.out_stride(), *to_values = to_keys + a.out_stride();
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
    const int row = first_row + t * 16, offset = warp_offset + t * 16 * row_stride<padded>;
    store_tile<padded>(to_keys, a.in_stride(), row, dkeys[t], key_factor, keys + offset, at, a);
    store_tile<padded>(to_values, a.in_stride(), row, dvalues[t], value_factor, values + offset, at, a);
  }
}

}  // namespace

void launch_backward(Stream stream, const Arguments<bf16>& a) {
  with_padded_head_dim(a.head_dim, [&](auto padded) {
    const bool dropping = a.dropout.threshold > 0;
    const int heads = a.batch * a.heads;
    using Q = QueryShape<padded>;
    launch(stream, dropping ? queries_kernel<padded, true> : queries_kernel<padded, false>,
           dim3(ceil_div(a.window, Q::rows) * heads), dim3(Q::threads), Q::shared_bytes, a);
    using K = KeyShape<padded>;
    launch(stream, dropping ? keys_kernel<padded, true> : keys_kernel<padded, false>,
           dim3(ceil_div(a.window, K::rows) * heads), dim3(K::threads),
           K::shared_bytes + 4 * K::passing * sizeof(float), a);
  });
}

}  // namespace aot::cuda::attention
