// lm_head and the loss over chunks of rows, so that the logits of the whole batch never exist: the logits of a chunk in
// fp32, one pass over each row for its maximum and its sum of exponentials, and a second one, out of the second-level
// cache, for the gradient.
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
// = loss_scale / batch_tokens * (softmax - onehot), zero in the padding; it may be the memory of the logits.
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
  __syncthreads();  // all have read the target's logit as well
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

struct Chunks {
  Tensor y;
  const void* weight;
  int64_t vocabulary, padded, rows;  // rows at a time
  float* logits;
};

Chunks make_chunks(const Context& context, Tensor y, const void* weight, int64_t vocabulary, int64_t padded,
                   size_t bytes_a_logit) {
  const auto most = static_cast<int64_t>(context.logits_bytes / (static_cast<size_t>(padded) * bytes_a_logit));
  const int64_t block = most < 128 ? 1 : 128;  // tiles of the products are not cut
  const int64_t chunks = ceil_div(y.rows, std::max(block, most / block * block));
  Chunks result = {y, weight, vocabulary, padded, ceil_div(ceil_div(y.rows, chunks), block) * block, nullptr};
  context.workspace->begin();
  result.logits = context.workspace->take_floats(std::min(result.rows, y.rows) * padded, context.stream);
  return result;
}

// logits[count][padded] = y weight^T, of the `count` rows at y.
void make_logits(const Context& context, const Chunks& chunks, const void* y, int64_t count) {
  Product product;
  product.a = y;
  product.b = chunks.weight;
  product.b_transposed = true;
  product.c = chunks.logits;
  product.in = chunks.y.dtype;
  product.m = count;
  product.n = product.ldc = chunks.padded;
  product.k = product.lda = product.ldb = chunks.y.cols;
  multiply(context, product);
}

// What is left of a chunk's gradients [count][padded]: dy = gradients weight, weight_gradient += gradients^T y.
void spread_gradients(const Context& context, const Chunks& chunks, const void* gradients, const void* y, int64_t count,
                      float* dy, float* weight_gradient) {
  Product product;
  product.a = gradients;
  product.b = chunks.weight;
  product.c = dy;
  product.in = chunks.y.dtype;
  product.m = count;
  product.k = product.lda = chunks.padded;
  product.n = product.ldb = product.ldc = chunks.y.cols;
  multiply(context, product);
  product.a_transposed = true;
  product.b = y;
  product.c = weight_gradient;
  product.m = chunks.padded;
  product.k = count;
  product.then = Product::Then::accumulate;
  multiply(context, product);
}

// A row of the vocabulary is read in 2 to 25 rounds.
int threads_for(int64_t padded) {
  return static_cast<int>(std::clamp<int64_t>(ceil_div(padded, 8 * 32) * 32, 32, most_threads));
}

template <class Body>
void for_chunks(const Chunks& chunks, Body body) {
  for (int64_t row = 0; row < chunks.y.rows; row += chunks.rows) {
    const auto offset = static_cast<size_t>(row * chunks.y.cols) * size_of(chunks.y.dtype);
    body(row, std::min(chunks.rows, chunks.y.rows - row), static_cast<const char*>(chunks.y.data) + offset);
  }
}

template <class E>
void loss_backward(const Context& context, const Chunks& chunks, E* gradients, const int32_t* targets, float* losses,
                   int64_t batch_tokens, const PassArguments* pass, float* dy, float* weight_gradient) {
  for_chunks(chunks, [&](int64_t row, int64_t count, const void* y) {
    make_logits(context, chunks, y, count);
    launch(context.stream, loss_kernel<E, true>, static_cast<unsigned>(count), threads_for(chunks.padded), 0,
           chunks.logits, targets + row, static_cast<int>(chunks.vocabulary), static_cast<int>(chunks.padded),
           losses ? losses + row : nullptr, gradients, pass, static_cast<float>(batch_tokens));
    spread_gradients(context, chunks, gradients, y, count, dy + row * chunks.y.cols, weight_gradient);
  });
}

}  // namespace

void lm_head_loss(const Context& context, Tensor y, const void* weight, int64_t vocabulary, int64_t padded_vocabulary,
                  const int32_t* targets, float* losses) {
  if (!losses) return;
  const Chunks chunks = make_chunks(context, y, weight, vocabulary, padded_vocabulary, sizeof(float));
  for_chunks(chunks, [&](int64_t row, int64_t count, const void* y_rows) {
    make_logits(context, chunks, y_rows, count);
    launch(context.stream, loss_kernel<float, false>, static_cast<unsigned>(count), threads_for(chunks.padded), 0,
           chunks.logits, targets + row, static_cast<int>(vocabulary), static_cast<int>(padded_vocabulary),
           losses + row, nullptr, nullptr, 1);
  });
}

void lm_head_loss_backward(const Context& context, Tensor y, const void* weight, int64_t vocabulary,
                           int64_t padded_vocabulary, const int32_t* targets, float* losses, int64_t batch_tokens,
                           const PassArguments* pass, Tensor dy, float* weight_gradient) {
  if (y.dtype == DType::fp32) {
    const Chunks chunks = make_chunks(context, y, weight, vocabulary, padded_vocabulary, sizeof(float));
    loss_backward(context, chunks, chunks.logits, targets, losses, batch_tokens, pass, dy.f32(), weight_gradient);
  } else {
    const Chunks chunks = make_chunks(context, y, weight, vocabulary, padded_vocabulary, sizeof(float) + sizeof(bf16));
    const auto size = static_cast<size_t>(std::min(chunks.rows, y.rows) * padded_vocabulary);
    auto* gradients = static_cast<bf16*>(context.workspace->take(size * sizeof(bf16), context.stream));
    loss_backward(context, chunks, gradients, targets, losses, batch_tokens, pass, dy.f32(), weight_gradient);
  }
}

}  // namespace aot::cuda
