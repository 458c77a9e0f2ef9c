// defines: aot::cuda::Context, Workspace, PassArguments, DropoutArguments, Product, and every op as a host function
//
// What the .cu files offer to the host side (cuda_lane.cpp, cuda_backend.cpp), in plain C++. Pointers are device memory
// unless said otherwise; everything is issued to context.stream and nothing waits. Shapes and meaning as in
// native/backend/backend.h: n rows, C width, T window, H heads, V vocabulary. "act" is float or bf16 as the tensor's
// dtype says. Sums run in a fixed order: the same call gives the same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/adamw_step.h"
#include "backend/backend.h"
#include "runtime.h"

namespace aot::cuda {

// What changes from minibatch to minibatch, in device memory, so that a captured graph can be replayed.
struct PassArguments {
  uint32_t minibatch = 0;
  float loss_scale = 1;
  int64_t first_row = 0;  // place of the batch's first sequence in the global batch
};

// Dropout of one site. threshold 0: no dropout. key: Philox's round keys, made on the host so that kernels find them
// among their parameters.
struct DropoutArguments {
  uint32_t key[20] = {};
  uint32_t site = 0, threshold = 0;
  float scale = 1;                      // 1/(1-rate)
  const PassArguments* pass = nullptr;  // device memory
};
DropoutArguments make_dropout(uint64_t seed, Dropout dropout, const PassArguments* pass);

// Scratch memory of an op; what the op before has taken is free again.
class Workspace {
 public:
  void begin() { used_ = 0; }
  // 256-byte aligned. Grows when it must, which waits for the stream.
  void* take(size_t bytes, Stream stream);
  float* take_floats(int64_t count, Stream stream) {
    return static_cast<float*>(take(static_cast<size_t>(count) * sizeof(float), stream));
  }
  // What was taken since `mark` is free again, for what is issued to the stream from now on.
  size_t mark() const { return used_; }
  void rewind(size_t mark) { used_ = mark; }
  // After a pass: gives back the memory that was too small, if any. True when there was: then captured graphs that name
  // it must not be replayed.
  bool settle(Stream stream);

 private:
  DeviceMemory memory_;
  std::vector<DeviceMemory> retired_;  // that an op took from before it needed more
  size_t used_ = 0;
};

class CublasLt;  // cublaslt.h

// How a recurrent layer goes through its window: a few launches a token, one for all tokens (recurrent_persistent.cuh),
// or whichever suits the shape.
enum class Recurrence { fitting, steps, persistent };

// What every op needs.
struct Context {
  Stream stream = nullptr;
  Workspace* workspace = nullptr;
  CublasLt* cublaslt = nullptr;  // null: the built-in products
  int multiprocessors = 1;
  int64_t l2_bytes = 0;
  size_t logits_bytes = 512 << 20, sums_bytes = 32 << 20;  // of DeviceProperties
  Recurrence recurrence = Recurrence::fitting;
};

// --- products (linear.cu) ----------------------------------------------------------------------------------------

// c[m,n] = A B, fp32 sums. Row-major; A is a[m,k] or, with a_transposed, a[k,m]; B is b[k,n] or, with b_transposed,
// b[n,k]. a and b have one dtype, `in`; rows are lda, ldb, ldc elements apart, at least as many as they hold.
struct Product {
  const void *a = nullptr, *b = nullptr;
  void* c = nullptr;
  DType in = DType::fp32, out = DType::fp32;
  int64_t m = 0, n = 0, k = 0, lda = 0, ldb = 0, ldc = 0;
  bool a_transposed = false, b_transposed = false;

  // What is done to each sum v before it is stored, in this order.
  const float* bias = nullptr;  // [n]: v += bias
  enum class Then {
    store,       // c = v
    accumulate,  // c += v; c is fp32
    gelu,        // c = gelu(v), aux = gelu'(v); aux[m,n] has c's dtype and leading dimension
    multiply,    // c = v * aux; aux[m,n] has c's dtype and leading dimension
    residual     // c = residual + dropout(v); c and residual[m,n] fp32 with leading dimension ldc
  } then = Then::store;
  void* aux = nullptr;
  const float* residual = nullptr;
  DropoutArguments dropout;  // index of an element: (pass->first_row * rows_per_sequence + row) * n + column
  int64_t rows_per_sequence = 0;
};
void multiply(const Context& context, const Product& product);

// sums[C] += column sums of x[n,C] (act).
void add_column_sums(const Context& context, Tensor x, float* sums);

// --- one file an op ----------------------------------------------------------------------------------------------

// embedding.cu. Without a position table both its pointers are null.
void embedding_forward(const Context& context, const int32_t* inputs, int window, const float* token,
                       const float* position, const DropoutArguments& dropout, Tensor x);
// order[n]: the rows of inputs sorted by token id, rows of one id in rising order (made on the host).
void embedding_backward(const Context& context, const int32_t* inputs, const int32_t* order, int window,
                        const DropoutArguments& dropout, Tensor dx, float* token_gradient, float* position_gradient);

// layernorm.cu
void layernorm_forward(const Context& context, Tensor x, const float* weight, const float* bias, Tensor y,
                       Tensor stats);
void layernorm_backward(const Context& context, Tensor x, Tensor stats, const float* weight, Tensor dy, Tensor dx,
                        bool accumulate, float* weight_gradient, float* bias_gradient);
// out[n,C] = residual + dropout(branch[n,C] fp32); y = layernorm(out). One pass over memory.
void residual_layernorm_forward(const Context& context, const float* branch, Tensor residual,
                                const DropoutArguments& dropout, int window, Tensor out, const float* weight,
                                const float* bias, Tensor y, Tensor stats);

// dropout.cu
void dropout_forward(const Context& context, Tensor x, const DropoutArguments& dropout, int window, Tensor y);
// dy[n,C] act = dropout's backward of dout[n,C] fp32; bias_gradient[C] += dy's column sums (of the rounded values).
void dropout_backward(const Context& context, Tensor dout, const DropoutArguments& dropout, int window,
                      float* bias_gradient, Tensor dy);

// attention.cu (bf16, tensor cores), attention_fp32.cu
void attention_forward(const Context& context, int batch, int window, Tensor qkv, int heads,
                       const DropoutArguments& dropout, Tensor out, Tensor lse);
void attention_backward(const Context& context, int batch, int window, Tensor qkv, Tensor out, Tensor lse, int heads,
                        const DropoutArguments& dropout, Tensor dout, Tensor dqkv);
// attention_decode.cu
void attention_decode(const Context& context, Tensor qkv, int heads, int position, Tensor keys, Tensor values,
                      Tensor out);
inline constexpr int largest_head_dim = 128;

// gru.cu, lstm.cu. weight_hh[GC,C] act. Recurrence::persistent throws AOT_DEVICE where the shape or the device forbids.
void gru_forward(const Context& context, int batch, int window, const void* weight_hh, const float* bias_hh,
                 bool from_zero, Tensor state, Tensor gates, Tensor candidate, Tensor previous, Tensor out);
void gru_backward(const Context& context, int batch, int window, const void* weight_hh, Tensor gates, Tensor candidate,
                  Tensor previous, Tensor dout, Tensor dstate, Tensor dhidden);
void lstm_forward(const Context& context, int batch, int window, const void* weight_hh, const float* bias_hh,
                  bool from_zero, Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out);
void lstm_backward(const Context& context, int batch, int window, const void* weight_hh, Tensor gates, Tensor cell,
                   Tensor dout, Tensor dstate);

// cross_entropy.cu. weight[V,C] act (bf16 copy or fp32 master); targets[n]; losses[n] may be null. weight and its
// gradient have padded_vocabulary rows: what the rows past V hold plays no part, but must be finite, and their gradient
// gets += 0. padded_vocabulary is a multiple of 8.
void lm_head_loss(const Context& context, Tensor y, const void* weight, int64_t vocabulary, int64_t padded_vocabulary,
                  const int32_t* targets, float* losses);
// gradients of pass->loss_scale / batch_tokens * sum of losses: dy[n,C] fp32, weight_gradient[V,C] fp32 +=.
void lm_head_loss_backward(const Context& context, Tensor y, const void* weight, int64_t vocabulary,
                           int64_t padded_vocabulary, const int32_t* targets, float* losses, int64_t batch_tokens,
                           const PassArguments* pass, Tensor dy, float* weight_gradient);

// add_shares.cu. data[count], the share of rank `own`, becomes the sum of all ranks' shares, added in their order. The
// others' lie `stride` (a multiple of 4) elements apart in shares, without a place for the own.
void add_shares(Stream stream, int multiprocessors, const float* shares, int64_t stride, int ranks, int own,
                int64_t count, float* data);

// adamw.cu
// What the optimizer step leaves on the device.
struct StepResult {
  double norm = 0;       // of the gradients, before clipping; not finite when the step was not taken
  uint32_t failed = 0;   // this step or an earlier one was not taken
  uint32_t stopped = 0;  // failed before this step: it touches nothing but the gradients
};
// Norm in a fixed order, clip, AdamW on the masters, their bf16 copy (null in fp32), gradients to zero: count elements,
// two launches. Weights and moments stay when the norm is not finite, and in every later step until result is zeroed.
// step and result: device memory.
void optimizer_step(const Context& context, int64_t count, const AdamWStep* step, float* weights, float* gradients,
                    float* moment1, float* moment2, void* bf16_weights, StepResult* result);
// bf16_weights[count] = weights.
void round_weights(const Context& context, int64_t count, const float* weights, void* bf16_weights);

}  // namespace aot::cuda
