// The forward pass of attention in bf16 on tensor cores: fp32 scores, softmax and sums.
#include "attention_tiles.cuh"

namespace aot::cuda::attention {
namespace {

// A block owns `rows` queries, a warp 32 of them, so that a fragment of keys or values serves four products. Keys and
// values pass by in tiles of `keys` rows, two buffers each; a warp takes them `step` at a time.
template <int padded_, bool dropping_>
struct Shape {
  static constexpr int padded = padded_;
  static constexpr bool dropping = dropping_;
  static constexpr int warps = 4, threads = 32 * warps, row_tiles = 2, warp_rows = 16 * row_tiles;
  static constexpr int rows = warps * warp_rows, keys = padded <= 64 ? 64 : 32;
  static constexpr int step = padded > 96 && dropping ? 16 : 32;  // as many as there are registers for
  static constexpr int blocks = padded <= 32 ? 3 : 2;             // at a time on a multiprocessor
  static constexpr bool held = padded <= 64;                      // the queries' fragments stay in registers
  static constexpr int tile = keys * row_stride<padded>;
  static constexpr size_t shared_bytes = (rows * row_stride<padded> + 4 * tile) * sizeof(bf16);
};

// What a warp knows of its rows so far: the sum of exp(score - shift) values, not yet divided by that of
// exp(score - shift), of which each lane has its share. Of a lane's rows group + 8*half of each row tile.
template <class S>
struct Sums {
  float out[S::row_tiles][S::padded / 8][4] = {};
  float shift[S::row_tiles][2], sum[S::row_tiles][2] = {};
};

template <class S>
using Scores = float[S::row_tiles][S::step / 8][4];

// Hides the keys after each query.
template <class S>
__device__ __forceinline__ void mask_scores(Scores<S>& scores, int first_row, int first_key, const WarpLane& at) {
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int n = 0; n < S::step / 8; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int row = first_row + t * 16 + at.group + i / 2 * 8, key = first_key + n * 8 + at.pair + i % 2;
        if (key > row) scores[t][n][i] = -INFINITY;
      }
    }
  }
}

// The shift of a row, in units of log 2, is its largest score as it was at some step. It follows when a score is more
// than this above it: until then exponentials are at most 2^8, and neither they nor their sums lose anything by that.
constexpr float most_above_shift = 8;

// Moves the shifts of all rows when some score is too far above. Every row sees the first key in the first step, so
// that shifts are finite from there on.
template <class S>
__device__ __forceinline__ void move_shifts(const Scores<S>& scores, Sums<S>& sums, float scale_log2) {
  float largest[S::row_tiles][2];
  bool move = false;
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      largest[t][half] = scores[t][0][2 * half];
#pragma unroll
      for (int n = 0; n < S::step / 8; n++) {
        largest[t][half] = fmaxf(largest[t][half], fmaxf(scores[t][n][2 * half], scores[t][n][2 * half + 1]));
      }
      largest[t][half] *= scale_log2;
      move |= largest[t][half] > sums.shift[t][half] + most_above_shift;
    }
  }
  if (__ballot_sync(full_mask, move) == 0) return;
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float shift = fmaxf(largest[t][half], sums.shift[t][half]);
      shift = fmaxf(shift, __shfl_xor_sync(full_mask, shift, 1));
      shift = fmaxf(shift, __shfl_xor_sync(full_mask, shift, 2));
      const float correction = exp2_fast(sums.shift[t][half] - shift);
      sums.shift[t][half] = shift;
      sums.sum[t][half] *= correction;
#pragma unroll
      for (int n = 0; n < S::padded / 8; n++) {
        sums.out[t][n][2 * half] *= correction;
        sums.out[t][n][2 * half + 1] *= correction;
      }
    }
  }
}

// scores become exp(score - shift).
template <class S>
__device__ __forceinline__ void make_exponentials(Scores<S>& scores, Sums<S>& sums, float scale_log2) {
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
#pragma unroll
    for (int n = 0; n < S::step / 8; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        scores[t][n][i] = exp2_fast(scores[t][n][i] * scale_log2 - sums.shift[t][i / 2]);
        sums.sum[t][i / 2] += scores[t][n][i];
      }
    }
  }
}

// out += dropout(exponentials) values; dropout's scale comes at the end.
template <class S>
__device__ __forceinline__ void add_values(Sums<S>& sums, Scores<S>& exponentials, const bf16* values, int first_row,
                                           int first_key, const Mask& mask, const DropoutArguments& dropout,
                                           const WarpLane& at) {
#pragma unroll
  for (int k = 0; k < S::step / 16; k++) {
    uint32_t a[S::row_tiles][4];
#pragma unroll
    for (int t = 0; t < S::row_tiles; t++) {
      float(&left)[4] = exponentials[t][2 * k], (&right)[4] = exponentials[t][2 * k + 1];
      const Kept<false, S::dropping> kept(mask, first_row + t * 16, first_key + k * 16, at, dropout);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        left[i] = kept(0, i, left[i]);
        right[i] = kept(1, i, right[i]);
      }
      round_to_a(a[t], left, right);
    }
    add_product<S::padded, S::row_tiles>(sums.out, a, values + k * 16 * row_stride<S::padded>, at);
  }
}

template <class S>
__global__ void __launch_bounds__(S::threads, S::blocks) forward_kernel(Arguments<bf16> a) {
  constexpr int padded = S::padded;
  AOT_DYNAMIC_SHARED(bf16, queries);
  bf16 *keys = queries + S::rows * row_stride<padded>, *values = keys + 2 * S::tile;
  const WarpLane at;
  // The last queries see the most keys: they start first.
  const int blocks = (a.window + S::rows - 1) / S::rows, block = blocks - 1 - static_cast<int>(blockIdx.x) % blocks;
  const Head head(a, blockIdx.x / blocks);
  const int block_row = block * S::rows, first_row = block_row + at.warp * S::warp_rows;
  // Of the keys that the block and the warp see. A warp without queries sees none.
  const int end = min(a.window, block_row + S::rows), end_of_warp = first_row < a.window ? first_row + S::warp_rows : 0;
  const bf16 *head_queries = a.qkv + head.in, *head_keys = head_queries + a.out_stride(),
             *head_values = head_keys + a.out_stride();
  const int64_t stride = a.in_stride();
  const float scale_log2 = a.scale * log2_e;
  const Mask mask(a.dropout, a.heads, head.index);
  const bf16* warp_queries = queries + at.warp * S::warp_rows * row_stride<padded>;

  load_rows<padded, S::rows, S::threads>(queries, head_queries, stride, block_row, a);
  load_rows<padded, S::keys, S::threads>(keys, head_keys, stride, 0, a);
  load_rows<padded, S::keys, S::threads>(values, head_values, stride, 0, a);
  cp_async_commit();

  Sums<S> sums;
  Fragments<padded, S::row_tiles> own;
#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) sums.shift[t][0] = sums.shift[t][1] = -INFINITY;
  for (int tile = 0, buffer = 0; tile < end; tile += S::keys, buffer ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this tile is here for all, and nobody reads the other buffer any more
    if (tile + S::keys < end) {
      const int other = (buffer ^ 1) * S::tile;
      load_rows<padded, S::keys, S::threads>(keys + other, head_keys, stride, tile + S::keys, a);
      load_rows<padded, S::keys, S::threads>(values + other, head_values, stride, tile + S::keys, a);
    }
    cp_async_commit();
    if (S::held && tile == 0) load_fragments<padded, S::row_tiles>(own, warp_queries, at);
    const int seen = min(S::keys, end_of_warp - tile);
#pragma unroll 1
    for (int step = 0; step < seen; step += S::step) {
      const int at_row = buffer * S::tile + step * row_stride<padded>;
      Scores<S> scores = {};
      multiply_transposed<padded, S::row_tiles, S::step / 8, S::held>(scores, own, warp_queries, keys + at_row, at);
      if (tile + step + S::step > first_row) mask_scores<S>(scores, first_row, tile + step, at);
      move_shifts<S>(scores, sums, scale_log2);
      make_exponentials<S>(scores, sums, scale_log2);
      add_values<S>(sums, scores, values + at_row, first_row, tile + step, mask, a.dropout, at);
    }
  }

#pragma unroll
  for (int t = 0; t < S::row_tiles; t++) {
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = sums.sum[t][half];
      sum += __shfl_xor_sync(full_mask, sum, 1);
      sum += __shfl_xor_sync(full_mask, sum, 2);
      const int row = first_row + t * 16 + at.group + half * 8;
      if (at.pair == 0 && row < a.window) {
        a.lse[static_cast<int64_t>(head.index) * a.window + row] = sums.shift[t][half] * ln_2 + logf(sum);
      }
      factor[half] = (S::dropping ? a.dropout.scale : 1) / sum;
    }
    store_tile<padded>(a.out + head.out, a.out_stride(), first_row + t * 16, sums.out[t], factor,
                       queries + (at.warp * S::warp_rows + t * 16) * row_stride<padded>, at, a);
  }
}

template <class S>
void launch_kernel(Stream stream, const Arguments<bf16>& a) {
  const int blocks = ceil_div(a.window, S::rows) * a.batch * a.heads;
  launch(stream, forward_kernel<S>, dim3(blocks), dim3(S::threads), S::shared_bytes, a);
}

}  // namespace

void launch_forward(Stream stream, const Arguments<bf16>& a) {
  with_padded_head_dim(a.head_dim, [&](auto padded) {
    if (a.dropout.threshold > 0) {
      launch_kernel<Shape<padded, true>>(stream, a);
    } else {
      launch_kernel<Shape<padded, false>>(stream, a);
    }
  });
}

}  // namespace aot::cuda::attention
