// defines: aot::Backend, aot::Lane, aot::Slice, aot::Pass, aot::Dropout, aot::Block, aot::AdamW
//
// Every op a device offers. Models are written once over this file and never ask which device they run on.
//
// A backend carries a batch through a model in *slices*: a run of whole sequences that one *lane* takes through the
// complete forward and backward pass. The cpu backend makes every thread a lane and one sequence a slice, so that a
// sequence's activations stay in one core's cache and no barrier is needed inside a pass, or several sequences where a
// model goes token by token, so that its products have rows enough; a GPU backend has one lane
// (a stream) and one slice (the whole batch). Which lane takes which slice is fixed by the batch size and the number
// of lanes, and a lane's sums run in slice order: the same machine and build give the same numbers, bit for bit.
//
// Names: B sequences of T tokens (the window) in the batch; b = slice.batch of them in a slice; n = b*T rows; C width;
// H heads of D = C/H; V vocabulary. Matrices are row-major; "act" is the activation dtype of the backend's precision
// (fp32 or bf16); weights and gradients are fp32 blocks, addressed by ParameterId.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/arena.h"
#include "backend/parameters.h"

namespace aot {

class Buckets;
class Communicator;

// What holds for a whole pass over a batch.
struct Pass {
  bool training = false;    // dropout is on
  uint64_t seed = 0;        // of the run
  uint32_t minibatch = 0;   // number of the minibatch in the run
  int64_t first_row = 0;    // place of this batch's first sequence in the global batch
  float loss_scale = 1;     // gradients are those of loss_scale * mean(loss)
  bool want_losses = true;  // fill Slice::losses
  // A name for what the body issues: passes of one name, batch and window issue the same ops to the same memory of the
  // lane, so that a device may record them once and replay them. Null: nothing is known of it, and the lane's workspace
  // keeps what earlier passes left there.
  const char* graph = nullptr;
  // No other pass follows before the optimizer step: a replica of a group (Backend::join) has each bucket of its
  // gradients summed over the group as soon as it is complete, while the backward pass goes on.
  bool reduce = false;
  // Tokens of the global batch, over which the loss is a mean; 0: this batch is all of it.
  int64_t batch_tokens = 0;
};

// A lane's share of the batch. Pointers are in the device's memory.
struct Slice {
  int first = 0;                     // index of its first sequence in this batch
  int batch = 0;                     // b, sequences
  int window = 0;                    // T, tokens of each
  int64_t batch_tokens = 0;          // B*T of the global batch: the loss is a mean over it
  const int32_t* inputs = nullptr;   // [b, T] token ids
  const int32_t* targets = nullptr;  // [b, T] token ids; null when there is no loss
  float* losses = nullptr;           // [b, T] nats per token

  int64_t rows() const { return static_cast<int64_t>(batch) * window; }
};

// Drops an element when its Philox word is below rate * 2^32 and scales the rest by 1/(1-rate); rng.h gives the
// counters. Does nothing when the pass is not training or the rate is 0.
struct Dropout {
  float rate = 0;
  uint32_t site = 0;
};

// The ops. Issued in order; each takes effect before the next. `slice` is the one the lane was given.
class Lane {
 public:
  virtual ~Lane() = default;
  virtual Arena& arena() { return arena_; }  // this lane's workspace; the pass starts by resetting it

  // x[n,C] (fp32 or act) = dropout(token[input] + position[first_position + t]); dropout index: global row-major over
  // [B,T,C]. A model without positions gives no_parameter.
  virtual void embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                                 Dropout dropout, Tensor x) = 0;
  // Adds to the tables' gradients. dx[n,C] fp32.
  virtual void embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                                  Tensor dx) = 0;

  // y[n,C] act = (x - mean)/sqrt(var + 1e-5) * weight + bias; x fp32; stats[n,2] fp32 keeps mean and 1/sqrt(var+eps).
  virtual void layernorm_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor stats) = 0;
  // dx fp32 (+)= gradient of x given dy[n,C] fp32; adds to weight's and bias's gradients.
  virtual void layernorm_backward(Tensor x, Tensor stats, ParameterId weight, ParameterId bias, Tensor dy, Tensor dx,
                                  bool accumulate) = 0;

  // y[n,out] = x[n,in] weight[out,in]^T + bias[out]; x act, y act or fp32.
  virtual void linear_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y) = 0;
  // out[n,C] fp32 = residual[n,C] fp32 + dropout(x weight^T + bias); x act [n,in].
  virtual void linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                       Tensor residual, Dropout dropout, Tensor out) = 0;
  // out as above, and y[n,O] act with stats[n,2] = layernorm_forward(out).
  virtual void linear_residual_layernorm_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                                 Tensor residual, Dropout dropout, Tensor out, ParameterId norm_weight,
                                                 ParameterId norm_bias, Tensor y, Tensor stats) {
    linear_residual_forward(slice, x, weight, bias, residual, dropout, out);
    layernorm_forward(out, norm_weight, norm_bias, y, stats);
  }
  // y[n,out] act = gelu(h), derivative[n,out] act = gelu'(h), where h = x weight^T + bias; exact GELU,
  // h * (1 + erf(h/sqrt 2))/2.
  virtual void linear_gelu_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor derivative) = 0;

  // y[n,C] fp32 = x[n,C] fp32: what the memory gives, for benchmarks.
  virtual void copy(Tensor x, Tensor y) = 0;
  // y[n,C] = x with dropout, both fp32 or both act, maybe in one place. It is its own backward pass.
  virtual void dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) = 0;
  // dy[n,C] act = dropout's backward of dout[n,C] fp32 (mask and scale made again); adds dy's column sums to bias's
  // gradient.
  virtual void dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) = 0;
  // dx[n,in] (act or fp32) = dy[n,out] act x weight[out,in].
  virtual void linear_backward_input(Tensor dy, ParameterId weight, Tensor dx) = 0;
  // dh[n,in] act = (dy weight) * derivative; adds dh's column sums to the gradient of `bias`, the bias of the linear
  // layer whose output went through GELU.
  virtual void linear_gelu_backward_input(Tensor dy, ParameterId weight, Tensor derivative, ParameterId bias,
                                          Tensor dh) = 0;
  // weight's gradient += dy[n,out]^T x[n,in]; both act. Adds dy's column sums to bias's gradient unless no_parameter.
  virtual void linear_backward_weight(Tensor dy, Tensor x, ParameterId weight, ParameterId bias) = 0;

  // Causal self-attention over each sequence of the slice. qkv[n,3C] act holds q, k, v, each as H heads of D side by
  // side. out[n,C] act; lse[b*H,T] fp32 keeps log(sum(exp(q k^T / sqrt D))). Dropout falls on the probabilities, with
  // the attention counters of rng.h (batch_head = global sequence * H + head).
  virtual void attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out,
                                 Tensor lse) = 0;
  // dqkv[n,3C] act from dout[n,C] act; probabilities are made again from qkv and lse, masks from the counters.
  virtual void attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor lse, int heads, Dropout dropout,
                                  Tensor dout, Tensor dqkv) = 0;
  // One token of one sequence against a cache of the earlier ones: stores k and v of qkv[1,3C] at row `position` of
  // keys[T,C] and values[T,C] (act), and writes out[1,C] act.
  virtual void attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) = 0;

  // One layer of a recurrent network over each sequence of the slice, of width C, with PyTorch's equations and order of
  // gates (nn.GRU, nn.LSTM). x_* are the input's shares x weight_ih^T + bias_ih of all tokens, which `gates` holds on
  // entry; h_* = h weight_hh^T + bias_hh are those of the hidden state before the token. `state` is what is carried
  // from token to token, fp32, a row a sequence: what it holds before the first token counts unless from_zero, and on
  // return it is that after the last. previous[n,C] act keeps h before each token, out[n,C] (act or fp32) is h after
  // it.
  //
  // GRU: r = sigmoid(x_r + h_r), z = sigmoid(x_z + h_z), n = tanh(x_n + r h_n), h' = (1 - z) n + z h.
  // gates[n,3C] act: r, z, n on return; candidate[n,C] act keeps h_n; state[b,C]: h.
  virtual void gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                           Tensor gates, Tensor candidate, Tensor previous, Tensor out) = 0;
  // Of a pass from zero; dout[n,C] fp32. gates, what the forward pass left on entry, holds the gradients of x_* on
  // return; dhidden[n,3C] act those of h_*. dstate[b,C] fp32 is for the op's use.
  virtual void gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate, Tensor previous,
                            Tensor dout, Tensor dstate, Tensor dhidden) = 0;
  // LSTM: i, f, o = sigmoid(x_* + h_*), g = tanh(x_g + h_g), c' = f c + i g, h' = o tanh(c').
  // gates[n,4C] act: i, f, g, o on return; cell[n,C] fp32 keeps c'; state[b,2C]: h and c side by side.
  virtual void lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero,
                            Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out) = 0;
  // Of a pass from zero; dout[n,C] fp32. gates holds on return the gradients of x_*, which are those of h_* too.
  // dstate[b,2C] fp32 is for the op's use.
  virtual void lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                             Tensor dstate) = 0;

  // The last layer and the loss, fused over chunks so that the logits of the whole batch never exist:
  // logits = y[n,C] act x weight[V,C]^T; slice.losses = cross-entropy with slice.targets.
  virtual void lm_head_loss(const Slice& slice, Tensor y, ParameterId weight) = 0;
  // The same, and the gradients of pass.loss_scale * mean over slice.batch_tokens: dy[n,C] fp32, and weight's.
  virtual void lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight, Tensor dy) = 0;
  // The logits themselves, fp32 [n,V] without the padding, to host memory.
  virtual void lm_head_logits(Tensor y, ParameterId weight, float* host_logits) = 0;

  // No op of this slice's pass will add to the gradients of these parameters any more, from the first to the last id.
  virtual void gradients_final(ParameterId first, ParameterId last) {
    (void)first;
    (void)last;
  }

  // Copies between host values and a tensor of this lane, to and from its dtype. Plain memory unless overridden.
  virtual void upload(const float* host, Tensor to);
  virtual void download(Tensor from, float* host);

  // Notes the moment at which what was issued so far is done, and gives its number, from 0 in every pass. Not in passes
  // that have a name (Pass::graph).
  virtual int stamp();
  // Seconds from one moment to a later one, as the device's clock has it. After the pass, before the next one; waits
  // for the work where a device works ahead.
  virtual double seconds_between(int from, int to);
  // Drives what was read or written before out of a GPU's second-level cache. A cpu's lanes live on what is in their
  // caches: nothing is done there.
  virtual void flush_cache() {}

  virtual const Pass& pass() const { return *pass_; }

 protected:
  Arena arena_;
  const Pass* pass_ = nullptr;
  std::vector<double> stamps_;  // seconds
};

// The four blocks of a replica, each `table.block_size()` floats.
enum class Block { weights, gradients, moment1, moment2 };

// PyTorch's AdamW: decoupled weight decay on all parameters, bias-corrected moments.
struct AdamW {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  int64_t step = 1;  // number of this optimizer step, from 1
  double clip = 1;   // largest global gradient norm: gradients are scaled by min(1, clip/(norm + 1e-6)); <= 0: never
};

struct BackendOptions {
  DType precision = DType::fp32;
  int threads = 0;  // of a cpu backend; 0: all cores this process may use
  // Most sequences that a cpu backend puts into a slice, where the batch has so many for each thread.
  int slice_sequences = 1;
  int replicas = 1;  // of this process, which share its memory
};

// Names work that was issued, in the order of the calls.
using Ticket = uint64_t;

// One replica of a model's blocks on one device, and the lanes that work on it.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string description() const = 0;  // one line for people: device, instruction set, threads
  virtual DType precision() const = 0;          // "act"
  const ParameterTable& table() const { return *table_; }

  // Copies between host memory and a block; offset and count in elements. Reading gradients sums the lanes' shares
  // first. After writing weights call weights_changed().
  virtual void read(Block block, int64_t offset, int64_t count, float* host) = 0;
  virtual void write(Block block, int64_t offset, int64_t count, const float* host) = 0;
  // Makes what ops derive from the weights (packed panels, bf16 copies) anew. optimizer_step() does it by itself.
  virtual void weights_changed() = 0;

  // Sequences in the largest slice of a batch of B: what a lane's workspace must be sized for.
  virtual int slice_batch(int batch) const = 0;
  // Gives every lane a workspace of that size; keeps a larger one. bytes.
  virtual void reserve(size_t workspace) = 0;

  // run() and optimizer_step() may return when the work is issued: what they give the host is there after wait(), and
  // must have its place until then. Everything else that is called takes its turn after them. A cpu works at once.
  virtual bool works_ahead() const { return false; }
  virtual void wait(Ticket) {}

  // Calls body(lane, slice) for every slice of the batch; inputs and targets are host arrays [batch, window], copied;
  // targets and losses (host, [batch, window]) may be null.
  virtual Ticket run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets,
                     float* losses, const std::function<void(Lane&, const Slice&)>& body) = 0;

  virtual void zero_gradients() = 0;
  // Sums the lanes' shares of the gradients into one, as if they had been read and written back. Done before each
  // further minibatch of an accumulation, so that a run resumed in the middle of one adds in the same order.
  virtual void fold_gradients() = 0;
  // Global norm in a fixed order, clip, AdamW, gradients to zero, weights_changed(). *norm (host): before clipping.
  // When it is not finite nothing but the gradients is touched, now and by all steps until resume(), whose norms are
  // not finite either: weights and moments stay as they were, however late the caller hears of it.
  virtual Ticket optimizer_step(const AdamW& adamw, double* norm) = 0;
  // Lets steps go on after one that was not finite.
  virtual void resume() = 0;

  // --- one of several replicas of a model (native/dist) ---
  // What all replicas must have in common so that equal gradients make equal weights, bit for bit.
  virtual std::string numerics() const = 0;
  // Makes this a replica of the communicator's group. Both outlive the backend. Passes with Pass::reduce and
  // reduce_gradients() are collective from then on: every replica makes one or the other, once, before an optimizer
  // step, and exchanges the buckets in their order.
  virtual void join(Communicator& communicator, const Buckets& buckets) = 0;
  // Sums the gradients over the group. For a replica that had no share of the last batch, and where there was no pass
  // with Pass::reduce.
  virtual void reduce_gradients() = 0;

  // --- what only a group of replicas does otherwise; collective there ---
  // The one that makes what is no training: logits, generated tokens.
  virtual Backend& alone() { return *this; }
  // Parts whose sum the gradients are: the replicas', in their order, so that a run that goes on in the middle of an
  // accumulation adds them up as one that was never stopped.
  virtual int shares() const { return 1; }
  virtual void read_share(int share, int64_t offset, int64_t count, float* host) {
    (void)share;
    read(Block::gradients, offset, count, host);
  }
  virtual void write_share(int share, int64_t offset, int64_t count, const float* host) {
    (void)share;
    write(Block::gradients, offset, count, host);
  }
  // What the first process holds goes to all others: weights, moments, and the shares of the gradients.
  virtual void spread() {}
  // AOT_NUMERIC when replicas do not hold the same weights, bit for bit.
  virtual void check_alike() {}

  // Lanes that work at the same time.
  virtual int lanes() const { return 1; }
  // The most bytes that were allocated on the device so far; 0 for one that works in the process's own memory.
  virtual size_t peak_memory() const { return 0; }

 protected:
  explicit Backend(const ParameterTable& table) : table_(&table) {}
  const ParameterTable* table_;  // owned by the model, which outlives its backend
};

// device: `cpu`, or `reference` (plain loops that the others are tested against). Throws AOT_DEVICE for a device that
// is not there. The table must outlive the backend. The one place that lists the backends is devices.cpp.
std::unique_ptr<Backend> make_backend(const std::string& device, const ParameterTable& table, BackendOptions options);

}  // namespace aot
