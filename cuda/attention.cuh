// defines: aot::cuda::attention::Arguments, Head, Mask, load_chunks, with_padded_head_dim, and the kernels' launches
//
// What the attention kernels share. None of them ever has a window x window matrix in memory: scores are made a tile at
// a time, in the forward pass with a running maximum and sum for each row, in the backward pass from the row's lse. The
// backward pass is two kernels without atomics, so that its sums have a fixed order: one owns queries (dq; it also
// leaves delta = sum(probability * dprobability) of each row for the other), one owns keys (dk, dv). Rows past the
// window are zeros in shared memory; causality hides such keys from every query that counts, and such queries add
// nothing to any key.
#pragma once
#include <type_traits>

#include "common.cuh"

namespace aot::cuda::attention {

// One call; E: float or bf16. qkv[n,3C], out[n,C], dout[n,C], dqkv[n,3C], lse and delta[b*H,T].
template <class E>
struct Arguments {
  const E *qkv = nullptr, *dout = nullptr;
  E *out = nullptr, *dqkv = nullptr;
  float *lse = nullptr, *delta = nullptr;
  float* correction = nullptr;  // [b*H,T], of the backward pass in fp32: probabilities are exp(score - lse) times this
  int batch = 0, heads = 0, window = 0, head_dim = 0;
  int copy_bytes = 0;  // what can be copied at a time: 16 where all rows are aligned to that, else 4 or one element
  float scale = 0;     // of the scores: 1/sqrt(head_dim)
  DropoutArguments dropout;

  // Elements from a row to the next, in out and dout, in qkv and dqkv.
  __device__ __forceinline__ int64_t out_stride() const { return static_cast<int64_t>(heads) * head_dim; }
  __device__ __forceinline__ int64_t in_stride() const { return 3 * out_stride(); }
};

// Where a head's rows start. Its q, k and v are columns of qkv, one width apart.
struct Head {
  int index;        // among the batch's heads: sequence * heads + head
  int64_t in, out;  // elements before its first row in qkv and dqkv, in out and dout

  template <class E>
  __device__ __forceinline__ Head(const Arguments<E>& a, int index) : index(index) {
    const int64_t first_row = static_cast<int64_t>(index / a.heads) * a.window, column = index % a.heads * a.head_dim;
    in = first_row * a.in_stride() + column;
    out = first_row * a.out_stride() + column;
  }
};

// The dropout of one head's probabilities, numbered as native/backend/rng.h says. A call of words() serves four
// elements, {row, row+8} x {column, column+8}, where row and column are below 8 modulo 16: element (i, j) of them is
// kept when words[2*i + j] reaches the threshold.
struct Mask {
  uint32_t batch_head = 0, minibatch = 0;

  __device__ __forceinline__ Mask(const DropoutArguments& dropout, int heads, int head) {
    if (dropout.threshold == 0) return;
    batch_head = static_cast<uint32_t>(dropout.pass->first_row) * static_cast<uint32_t>(heads) + head;
    minibatch = dropout.pass->minibatch;
  }
  static __device__ __forceinline__ uint32_t group(uint32_t x) { return x / 16 * 8 + x % 8; }
  __device__ __forceinline__ void words(uint32_t (&words)[4], int row, int column,
                                        const DropoutArguments& dropout) const {
    words[0] = group(row) | group(column) << 16;
    words[1] = batch_head;
    words[2] = minibatch;
    words[3] = dropout.site;
    philox(words, dropout.key);
  }
};

// Starts to copy rows [first, first + rows) of a head into a tile, `width` elements at a time, by all threads of the
// block; zeros past the window and past head_dim. Some threads share a row, so that each stays in its columns.
template <int width, int padded, int tile_stride, int rows, int threads, class E>
__device__ __forceinline__ void load_chunks(E* tile, const E* from, int64_t stride, int first, const Arguments<E>& a) {
  constexpr int chunks = padded / width, lanes = chunks < 4 ? 2 : chunks < 8 ? 4 : 8, at_once = threads / lanes;
  constexpr int passes = (rows + at_once - 1) / at_once;
  [[maybe_unused]] constexpr int unroll = width * sizeof(E) == 16 ? passes : 1;
  const int lane = threadIdx.x % lanes * width;
  int row = threadIdx.x / lanes;
  const E* source = from + (first + row) * stride + lane;
  E* target = tile + row * tile_stride + lane;
#pragma unroll unroll
  for (int pass = 0; pass < passes; pass++) {
    if (rows < at_once && row >= rows) return;
    const bool exists = first + row < a.window;
#pragma unroll
    for (int column = 0; column < padded; column += lanes * width) {
      if (lane + column >= padded) continue;
      const bool ok = exists && lane + column < a.head_dim;
      if constexpr (width * sizeof(E) < 4) {
        target[column] = ok ? source[column] : from_float<E>(0);
      } else {
        cp_async<static_cast<int>(width * sizeof(E))>(target + column, ok ? source + column : from, ok);
      }
    }
    row += at_once;
    source += at_once * stride;
    target += at_once * tile_stride;
  }
}

// Calls launch(std::integral_constant<int, padded>) with the smallest head_dim that kernels are made for and that holds
// this one. The padding is in shared memory only.
template <class Launch>
void with_padded_head_dim(int head_dim, Launch launch) {
  if (head_dim <= 16) return launch(std::integral_constant<int, 16>());
  if (head_dim <= 32) return launch(std::integral_constant<int, 32>());
  if (head_dim <= 48) return launch(std::integral_constant<int, 48>());
  if (head_dim <= 64) return launch(std::integral_constant<int, 64>());
  if (head_dim <= 96) return launch(std::integral_constant<int, 96>());
  launch(std::integral_constant<int, 128>());
}

// The width of a head. Throws AOT_CONFIG when it is more than the kernels take.
int checked_head_dim(int64_t width, int heads);

// attention_forward.cu, attention_backward.cu; attention_fp32.cu
void launch_forward(Stream stream, const Arguments<bf16>& arguments);
void launch_backward(Stream stream, const Arguments<bf16>& arguments);
void launch_forward(Stream stream, const Arguments<float>& arguments);
void launch_backward(Stream stream, const Arguments<float>& arguments);

}  // namespace aot::cuda::attention
