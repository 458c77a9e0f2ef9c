// One token against a cache of the earlier ones: memory is read once, and that is what it costs.
#include <cmath>

#include "attention.cuh"

namespace aot::cuda {
namespace {

// A block has one head. Eight lanes share a key; the 32 such teams of a block take keys in turn, `at_once` each time,
// and keep sums of their own, which are put together at the end.
constexpr int team_lanes = 8, teams = 32, threads = team_lanes * teams, at_once = 4;

template <class E>
struct DecodeArguments {
  const E* qkv = nullptr;
  E *keys = nullptr, *values = nullptr, *out = nullptr;
  int heads = 0, head_dim = 0, position = 0;
  float scale_log2 = 0;  // of the scores, to units of log 2
};

// `width` elements as floats.
template <int width, class E>
__device__ __forceinline__ void load_chunk(float (&x)[width], const E* from) {
  if constexpr (width == 1) {
    x[0] = to_float(*from);
  } else {
    load_pack(x, from);
  }
}

// What a team holds of a row of a head: chunks of `width` elements, lane by lane.
template <int width>
struct RowSlice {
  static constexpr int chunks = largest_head_dim / width / team_lanes;
  float x[chunks][width] = {};

  template <class Body>
  static __device__ __forceinline__ void for_chunks(int head_dim, Body body) {
#pragma unroll
    for (int c = 0; c < chunks; c++) {
      const int column = (c * team_lanes + threadIdx.x % team_lanes) * width;
      if (column < head_dim) body(c, column);
    }
  }
  template <class E>
  __device__ __forceinline__ void load(const E* row, int head_dim) {
    for_chunks(head_dim, [&](int c, int column) { load_chunk(x[c], row + column); });
  }
};

__device__ __forceinline__ float team_sum(float x) {
#pragma unroll
  for (int offset = team_lanes / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(full_mask, x, offset);
  return x;
}

template <class E, int width>
__global__ void __launch_bounds__(threads) decode_kernel(DecodeArguments<E> a) {
  using Row = RowSlice<width>;
  AOT_SHARED(float, shifts, [teams]);
  AOT_SHARED(float, totals, [teams]);
  AOT_SHARED(float, outs, [teams][largest_head_dim]);
  const int team = threadIdx.x / team_lanes, lane = threadIdx.x % team_lanes;
  const int64_t stride = static_cast<int64_t>(a.heads) * a.head_dim;
  const int first = blockIdx.x * a.head_dim;
  const E *new_key = a.qkv + stride + first, *new_value = new_key + stride;
  E *keys = a.keys + first, *values = a.values + first;
  for (int column = threadIdx.x; column < a.head_dim; column += threads) {
    keys[a.position * stride + column] = new_key[column];
    values[a.position * stride + column] = new_value[column];
  }

  Row query, sums;
  query.load(a.qkv + first, a.head_dim);
  float shift = -INFINITY, total = 0;
  // All lanes of a warp go round together: they exchange values.
  for (int round = 0; round <= a.position; round += teams * at_once) {
    float scores[at_once], best = shift;
#pragma unroll
    for (int i = 0; i < at_once; i++) {
      const int key = round + i * teams + team;
      Row row;
      // The new token is read from where it came from: this block's copy may not be there yet.
      if (key <= a.position) row.load(key == a.position ? new_key : keys + key * stride, a.head_dim);
      float sum = 0;
#pragma unroll
      for (int c = 0; c < Row::chunks; c++) {
#pragma unroll
        for (int e = 0; e < width; e++) sum += query.x[c][e] * row.x[c][e];
      }
      sum = team_sum(sum);
      scores[i] = key <= a.position ? sum : -INFINITY;
      best = fmaxf(best, scores[i]);
    }
    if (best == -INFINITY) continue;
    const float correction = exp2_fast((shift - best) * a.scale_log2);
    shift = best;
    total *= correction;
#pragma unroll
    for (int c = 0; c < Row::chunks; c++) {
#pragma unroll
      for (int e = 0; e < width; e++) sums.x[c][e] *= correction;
    }
#pragma unroll
    for (int i = 0; i < at_once; i++) {
      const int key = round + i * teams + team;
      if (key > a.position) continue;
      const float weight = exp2_fast((scores[i] - shift) * a.scale_log2);
      total += weight;
      Row row;
      row.load(key == a.position ? new_value : values + key * stride, a.head_dim);
#pragma unroll
      for (int c = 0; c < Row::chunks; c++) {
#pragma unroll
        for (int e = 0; e < width; e++) sums.x[c][e] += weight * row.x[c][e];
      }
    }
  }

  if (lane == 0) {
    shifts[team] = shift;
    totals[team] = total;
  }
  Row::for_chunks(a.head_dim, [&](int c, int column) {
#pragma unroll
    for (int e = 0; e < width; e++) outs[team][column + e] = sums.x[c][e];
  });
  __syncthreads();
  const int column = threadIdx.x;
  if (column >= a.head_dim) return;
  float best = -INFINITY, sum = 0, out = 0;
  for (int t = 0; t < teams; t++) best = fmaxf(best, shifts[t]);
  for (int t = 0; t < teams; t++) {
    const float weight = exp2_fast((shifts[t] - best) * a.scale_log2);
    sum += weight * totals[t];
    out += weight * outs[t][column];
  }
  a.out[first + column] = from_float<E>(out / sum);
}

template <class E>
void decode(const Context& context, Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) {
  DecodeArguments<E> a;
  a.qkv = static_cast<const E*>(qkv.data);
  a.keys = static_cast<E*>(keys.data);
  a.values = static_cast<E*>(values.data);
  a.out = static_cast<E*>(out.data);
  a.heads = heads;
  a.head_dim = attention::checked_head_dim(out.cols, heads);
  a.position = position;
  a.scale_log2 = log2_e / std::sqrt(static_cast<float>(a.head_dim));
  const bool aligned =
      rows_aligned<E>(a.head_dim) && aligned16(qkv.data) && aligned16(keys.data) && aligned16(values.data);
  launch(context.stream, aligned ? decode_kernel<E, pack_size<E>> : decode_kernel<E, 1>, dim3(heads), dim3(threads), 0,
         a);
}

}  // namespace

void attention_decode(const Context& context, Tensor qkv, int heads, int position, Tensor keys, Tensor values,
                      Tensor out) {
  (qkv.dtype == DType::fp32 ? decode<float> : decode<bf16>)(context, qkv, heads, position, keys, values, out);
}

}  // namespace aot::cuda
