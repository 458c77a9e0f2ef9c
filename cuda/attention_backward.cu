// The backward pass of attention in bf16 on tensor cores. Scores are made again from qkv; probabilities are
// exp(score - lse), dscore = probability * (dprobability - delta).
//
// delta = sum(probability * dprobability) of a row is also dout * out, but out is rounded to bf16, and where dscores
// are small against delta (few keys, or one that takes all) that would be their largest error by far. queries_kernel
// begins with that delta, finds what its dscores sum to, which should be 0, and takes it back: `excess` from delta, for
// keys_kernel, and excess * sum(probability * key) from dq.
#include "attention_tiles.cuh"

namespace aot::cuda::attention {
namespace {

// The pieces that both kernels are made of: a warp owns row tiles of 16 queries (or keys), whose fragments and sums
// stay with it, while tiles of `passing` keys (or queries) come by, two buffers each; taken 16 at a time.
template <int padded>
struct Shape {
  static constexpr int warps = 4, threads = 32 * warps, row_tiles = padded <= 32 ? 2 : 1, warp_rows = 16 * row_tiles;
  static constexpr int rows = warps * warp_rows, passing = padded <= 64 ? 64 : 32;
  // At a time on a multiprocessor: as many as registers are enough for.
  static constexpr int blocks = padded == 32 || padded > 64 ? 2 : 3;
  static constexpr bool held = padded <= 96;  // the fragments of douts or values stay in registers, too
  static constexpr int own_tile = rows * row_stride<padded>, tile = passing * row_stride<padded>;
  static constexpr size_t shared_bytes = (2 * own_tile + 4 * tile) * sizeof(bf16);
};
template <int padded>
using Sums = float[Shape<padded>::row_tiles][padded / 8][4];
template <int padded>
using Square = float[Shape<padded>::row_tiles][2][4];  // 16 x 16 for each row tile

// Where a 16 x 16 square of a row tile lies in the head's matrix of scores. transposed: its rows are keys.
template <bool transposed>
struct Place {
  int row, column;
  __device__ __forceinline__ int first_query() const { return transposed ? column : row; }
  __device__ __forceinline__ int first_key() const { return transposed ? row : column; }
};

template <int padded>
__device__ __forceinline__ void round_square(uint32_t (&a)[Shape<padded>::row_tiles][4], const Square<padded>& square) {
#pragma unroll
  for (int t = 0; t < Shape<padded>::row_tiles; t++) round_to_a(a[t], square[t][0], square[t][1]);
}

// scores become probabilities, when transposed after dropout but without its scale; products = dout values^T become
// dscores, without the scale of the scores. lse, in units of log 2, and delta belong to a lane's columns [n*2 + e] when
// transposed, else to its rows [half].
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
      scores[n][i] = transposed ? kept(n, i, probability) : probability;
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
      // The first query sees one key: its probability is 1 whatever the score.
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
__global__ void __launch_bounds__(Shape<padded>::threads, Shape<padded>::blocks) queries_kernel(Arguments<bf16> a) {
  using S = Shape<padded>;
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
  const int64_t lines = static_cast<int64_t>(head.index) * a.window;  // of lse and delta
  const Mask mask(a.dropout, a.heads, head.index);
  const int warp_offset = at.warp * S::warp_rows * row_stride<padded>;

  load_rows<padded, S::rows, S::threads>(queries, a.qkv + head.in, a.in_stride(), block_row, a);
  load_rows<padded, S::rows, S::threads>(douts, head_dout, a.out_stride(), block_row, a);
  load_rows<padded, S::passing, S::threads>(keys, head_keys, a.in_stride(), 0, a);
  load_rows<padded, S::passing, S::threads>(values, head_values, a.in_stride(), 0, a);
  cp_async_commit();

  float lse[S::row_tiles][2], delta[S::row_tiles][2], excess[S::row_tiles][2] = {};
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = min(first_row + t * 16 + at.group + half * 8, a.window - 1);
      const int64_t start = row * a.out_stride();
      lse[t][half] = a.lse[lines + row] * log2_e;
      delta[t][half] = dot_of_rows(head_out + start, head_dout + start, at, a);
    }
  }

  Sums<padded> dqueries = {}, mean_keys = {};
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
      if (S::held) load_fragments<padded, S::row_tiles>(own_douts, douts + warp_offset, at);
    }
    const int seen = min(S::passing, end_of_warp - tile);
#pragma unroll 1
    for (int step = 0; step < seen; step += 16) {
      const bf16 *k = keys + buffer * S::tile + step * row_stride<padded>, *v = k + 2 * S::tile;
      Square<padded> scores = {}, products = {};
      multiply_transposed<padded, S::row_tiles, 2, true>(scores, own_queries, queries + warp_offset, k, at);
      multiply_transposed<padded, S::row_tiles, 2, S::held>(products, own_douts, douts + warp_offset, v, at);
#pragma unroll
      for (int t = 0; t < S::row_tiles; t++) {
        make_gradients<false, dropping>(scores[t], products[t], lse[t], delta[t], {first_row + t * 16, tile + step},
                                        mask, at, a);
#pragma unroll
        for (int i = 0; i < 4; i++) excess[t][i / 2] += products[t][0][i] + products[t][1][i];
      }
      uint32_t p[S::row_tiles][4], ds[S::row_tiles][4];
      round_square<padded>(p, scores);
      round_square<padded>(ds, products);
      add_products<padded, S::row_tiles>(mean_keys, dqueries, p, ds, k, at);
    }
  }

#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = excess[t][half];
      sum += __shfl_xor_sync(full_mask, sum, 1);
      sum += __shfl_xor_sync(full_mask, sum, 2);
      const int row = first_row + t * 16 + at.group + half * 8;
      if (at.pair == 0 && row < a.window) a.delta[lines + row] = delta[t][half] + sum;
#pragma unroll
      for (int n = 0; n < padded / 8; n++) {
        dqueries[t][n][2 * half] -= sum * mean_keys[t][n][2 * half];
        dqueries[t][n][2 * half + 1] -= sum * mean_keys[t][n][2 * half + 1];
      }
    }
    const float factor[2] = {a.scale, a.scale};
    store_tile<padded>(a.dqkv + head.in, a.in_stride(), first_row + t * 16, dqueries[t], factor,
                       queries + warp_offset + t * 16 * row_stride<padded>, at, a);
  }
}

// dk and dv of a block's keys. The matrix of scores is transposed here: its rows are keys.
template <int padded, bool dropping>
__global__ void __launch_bounds__(Shape<padded>::threads, Shape<padded>::blocks) keys_kernel(Arguments<bf16> a) {
  using S = Shape<padded>;
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

  Sums<padded> dkeys = {}, dvalues = {};
  Fragments<padded, S::row_tiles> own_keys, own_values;
  for (int tile = block_row, buffer = 0; tile < a.window; tile += S::passing, buffer ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this tile is here for all, and nobody reads the other buffer any more
    if (tile + S::passing < a.window) load_queries(tile + S::passing, buffer ^ 1);
    cp_async_commit();
    if (tile == block_row) {
      load_fragments<padded, S::row_tiles>(own_keys, keys + warp_offset, at);
      if (S::held) load_fragments<padded, S::row_tiles>(own_values, values + warp_offset, at);
    }
    const int seen = min(S::passing, a.window - tile);
#pragma unroll 1
    for (int step = max(0, first_row - tile); step < seen; step += 16) {
      const bf16 *q = queries + buffer * S::tile + step * row_stride<padded>, *d = q + 2 * S::tile;
      const float* row = rows + buffer * 2 * S::passing + step + at.pair;
      const float lse[4] = {row[0] * log2_e, row[1] * log2_e, row[8] * log2_e, row[9] * log2_e};
      row += S::passing;
      const float delta[4] = {row[0], row[1], row[8], row[9]};
      Square<padded> scores = {}, products = {};
      multiply_transposed<padded, S::row_tiles, 2, true>(scores, own_keys, keys + warp_offset, q, at);
      multiply_transposed<padded, S::row_tiles, 2, S::held>(products, own_values, values + warp_offset, d, at);
#pragma unroll
      for (int t = 0; t < S::row_tiles; t++) {
        make_gradients<true, dropping>(scores[t], products[t], lse, delta, {first_row + t * 16, tile + step}, mask, at,
                                       a);
      }
      uint32_t rounded[S::row_tiles][4];
      round_square<padded>(rounded, scores);
      add_product<padded, S::row_tiles>(dvalues, rounded, d, at);
      round_square<padded>(rounded, products);
      add_product<padded, S::row_tiles>(dkeys, rounded, q, at);
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
    using S = Shape<padded>;
    const dim3 grid(ceil_div(a.window, S::rows) * a.batch * a.heads);
    launch(stream, dropping ? queries_kernel<padded, true> : queries_kernel<padded, false>, grid, dim3(S::threads),
           S::shared_bytes, a);
    launch(stream, dropping ? keys_kernel<padded, true> : keys_kernel<padded, false>, grid, dim3(S::threads),
           S::shared_bytes + 4 * S::passing * sizeof(float), a);
  });
}

}  // namespace aot::cuda::attention
