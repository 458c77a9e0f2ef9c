// lm_head and the loss over parts of the rows, so that the logits of the whole batch never exist: some logits in fp32,
// one pass over each row for its maximum and its sum of exponentials, and a second one, out of the second-level cache,
// for the gradient.
#include <algorithm>

#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int most_threads = 512;

// Of some logits x: the largest, and the sum of exp(x - largest) over all but the target's.
struct Sum {
  float largest, others;
};
// Far below any logit, but finite: what has no logit yet joins without inf - inf, and a NaN is never dropped.
constexpr float nothing = -1e30f;

__device__ __forceinline__ Sum join(Sum a, Sum b) {
  const float largest = fmaxf(a.largest, b.largest);
  return {largest, a.others * exp_fast(a.largest - largest) + b.others * exp_fast(b.largest - largest)};
}

// One block a row of whole warps; logits[rows][padded], padded a multiple of 4. With gradients: gradients[rows][padded]
// = loss_scale / batch_tokens * (softmax - onehot), zero in the padding.
template <class E, bool with_gradients>
__global__ void __launch_bounds__(most_threads)
    loss_kernel(const float* logits, const int32_t* targets, int vocabulary, int padded, float* losses, E* gradients,
                const PassArguments* pass, float batch_tokens) {
  AOT_SHARED(Sum, shares, [most_threads / 32]);
  const int64_t row = blockIdx.x;
  const float* x = logits + row * padded;
  const int target = targets[row];
  const float target_logit = x[target];

  Sum sum = {nothing, 0};
  for (int column = threadIdx.x * 4; column < vocabulary; column += blockDim.x * 4) {
    float v[4];
    load_pack(v, x + column);
    float largest = sum.largest, others = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (column + i >= vocabulary) v[i] = nothing;
      largest = fmaxf(largest, v[i]);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (column + i != target) others += exp_fast(v[i] - largest);
    }
    sum = {largest, sum.others * exp_fast(sum.largest - largest) + others};
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    sum = join(sum, {__shfl_xor_sync(full_mask, sum.largest, offset), __shfl_xor_sync(full_mask, sum.others, offset)});
  }
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = sum;
  __syncthreads();
  sum = shares[0];
  for (int warp = 1; warp < static_cast<int>(blockDim.x) / 32; warp++) sum = join(sum, shares[warp]);

  // largest + log(total) would lose the digits of the logarithm where logits are large.
  const float total = sum.others + exp_fast(target_logit - sum.largest);
  if (losses && threadIdx.x == 0) {
    losses[row] = target_logit == sum.largest ? log1pf(sum.others) : sum.largest - target_logit + logf(total);
  }
  if constexpr (with_gradients) {
    const float factor = pass->loss_scale / batch_tokens / total;
    E* to = gradients + row * padded;
    for (int column = threadIdx.x * 4; column < padded; column += blockDim.x * 4) {
      float v[4];
      load_pack(v, x + column);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        // The target's is minus the sum of the others': exact where the prediction is nearly sure.
        const float share = column + i == target ? -sum.others : exp_fast(v[i] - sum.largest);
        v[i] = column + i < vocabulary ? share * factor : 0;
      }
      if constexpr (sizeof(E) == 4) {
        store_pack(to + column, v);
      } else {
        store8(to + column, {pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3])});
      }
    }
  }
}

// The last layer over the rows of y. Logits exist for a few rows at a time, so that they are still in the second-level
// cache when the loss reads them, and reads them again; the gradients of the logits for many rows, since each product
// with them passes over the whole weight's gradient.
struct Head {
  const Context& context;
  Tensor y;
  const void* weight;
  int64_t vocabulary, padded;
  const int32_t* targets;
  float* losses;
  int64_t logit_rows;
  float* logits;  // [logit_rows][padded]
};

// How many rows of the padded vocabulary fit; tiles of the products are not cut.
int64_t rows_within(size_t bytes, int64_t padded, size_t element) {
  constexpr int64_t tile = 128;
  return std::max(tile, static_cast<int64_t>(bytes / (static_cast<size_t>(padded) * element)) / tile * tile);
}

Head make_head(const Context& context, Tensor y, const void* weight, int64_t vocabulary, int64_t padded,
               const int32_t* targets, float* losses) {
  const int64_t rows = std::min(y.rows, rows_within(context.sums_bytes, padded, sizeof(float)));
  context.workspace->begin();
  float* logits = context.workspace->take_floats(rows * padded, context.stream);
  return {context, y, weight, vocabulary, padded, targets, losses, rows, logits};
}

const void* rows_of(Tensor y, int64_t row) {
  return static_cast<const char*>(y.data) + static_cast<size_t>(row * y.cols) * size_of(y.dtype);
}

// Losses of rows first to end-1 and, where wanted, the gradients of their logits: gradients[end-first][padded].
template <class E, bool with_gradients>
void make_losses(const Head& head, int64_t first, int64_t end, E* gradients, const PassArguments* pass,
                 int64_t batch_tokens) {
  // A thread reads its part of a row in 2 to 25 rounds.
  const auto threads = static_cast<unsigned>(std::clamp(ceil_div(head.padded, 8 * 32) * 32, 32, most_threads));
  for (int64_t row = first; row < end; row += head.logit_rows) {
    Product product;
    product.a = rows_of(head.y, row);
    product.b = head.weight;
    product.b_transposed = true;
    product.c = head.logits;
    product.in = head.y.dtype;
    product.m = std::min(head.logit_rows, end - row);
    product.n = product.ldc = head.padded;
    product.k = product.lda = product.ldb = head.y.cols;
    multiply(head.context, product);
    launch(head.context.stream, loss_kernel<E, with_gradients>, static_cast<unsigned>(product.m), threads, 0,
           head.logits, head.targets + row, static_cast<int>(head.vocabulary), static_cast<int>(head.padded),
           head.losses ? head.losses + row : nullptr, gradients ? gradients + (row - first) * head.padded : nullptr,
           pass, static_cast<float>(batch_tokens));
  }
}

template <class E>
void make_gradients(const Head& head, const PassArguments* pass, int64_t batch_tokens, float* dy,
                    float* weight_gradient) {
  const int64_t most = rows_within(head.context.logits_bytes, head.padded, sizeof(E));
  const int64_t rows = std::min(head.y.rows, ceil_div(ceil_div(head.y.rows, ceil_div(head.y.rows, most)), 128) * 128l);
  E* gradients = static_cast<E*>(
      head.context.workspace->take(static_cast<size_t>(rows * head.padded) * sizeof(E), head.context.stream));
  for (int64_t row = 0; row < head.y.rows; row += rows) {
    const int64_t end = std::min(head.y.rows, row + rows);
    make_losses<E, true>(head, row, end, gradients, pass, batch_tokens);
    Product product;  // dy = gradients weight
    product.a = gradients;
    product.b = head.weight;
    product.c = dy + row * head.y.cols;
    product.in = head.y.dtype;
    product.m = end - row;
    product.k = product.lda = head.padded;
    product.n = product.ldb = product.ldc = head.y.cols;
    multiply(head.context, product);
    product.a_transposed = true;  // weight_gradient += gradients^T y
    product.b = rows_of(head.y, row);
    product.c = weight_gradient;
    product.m = head.padded;
    product.k = end - row;
    product.then = Product::Then::accumulate;
    multiply(head.context, product);
  }
}

}  // namespace

void lm_head_loss(const Context& context, Tensor y, const void* weight, int64_t vocabulary, int64_t padded_vocabulary,
                  const int32_t* targets, float* losses) {
  if (!losses) return;
  const Head head = make_head(context, y, weight, vocabulary, padded_vocabulary, targets, losses);
  make_losses<float, false>(head, 0, y.rows, nullptr, nullptr, 1);
}

void lm_head_loss_backward(const Context& context, Tensor y, const void* weight, int64_t vocabulary,
                           int64_t padded_vocabulary, const int32_t* targets, float* losses, int64_t batch_tokens,
                           const PassArguments* pass, Tensor dy, float* weight_gradient) {
  const Head head = make_head(context, y, weight, vocabulary, padded_vocabulary, targets, losses);
  y.dtype == DType::bf16 ? make_gradients<bf16>(head, pass, batch_tokens, dy.f32(), weight_gradient)
                         : make_gradients<float>(head, pass, batch_tokens, dy.f32(), weight_gradient);
}

}  // namespace aot::cuda
