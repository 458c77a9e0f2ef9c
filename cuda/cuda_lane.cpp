#include "cuda_lane.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backend/error.h"
#include "backend/rng.h"

namespace aot::cuda {
namespace {

constexpr size_t staging_bytes = 4 << 20;

}  // namespace

CudaLane::CudaLane(const Context& context, const ParameterTable& table, float* weights, void* bf16_weights,
                   float* gradients, DType precision)
    : context_(context),
      table_(table),
      weights_(weights),
      bf16_weights_(bf16_weights),
      gradients_(gradients),
      precision_(precision),
      staging_(staging_bytes) {}

void CudaLane::begin(const Pass& pass, const PassArguments* arguments, const int32_t* order, void* arena,
                     size_t arena_bytes, std::function<void(ParameterId, ParameterId)> gradients_final) {
  pass_ = &pass;
  arguments_ = arguments;
  order_ = order;
  arena_ = Arena(arena, arena_bytes);
  stamped_ = 0;
  gradients_final_ = std::move(gradients_final);
}

CudaLane::~CudaLane() {
  for (Event event : events_) destroy_event(event);
}

const void* CudaLane::matmul_weights(ParameterId id) const {
  if (precision_ == DType::fp32) return weights(id);
  return static_cast<const uint16_t*>(bf16_weights_) + table_[id].offset;
}

DropoutArguments CudaLane::dropout_arguments(Dropout dropout) const {
  if (!pass_->training) dropout.rate = 0;
  return make_dropout(pass_->seed, dropout, arguments_);
}

// --- embedding, layernorm ----------------------------------------------------------------------------------------

void CudaLane::embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                                 Dropout dropout, Tensor x) {
  const float* positions = position == no_parameter ? nullptr : weights(position) + first_position * x.cols;
  cuda::embedding_forward(context_, slice.inputs, slice.window, weights(token), positions, dropout_arguments(dropout),
                          x);
}

void CudaLane::embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                                  Tensor dx) {
  cuda::embedding_backward(context_, slice.inputs, order_, slice.window, dropout_arguments(dropout), dx,
                           gradients(token), position == no_parameter ? nullptr : gradients(position));
}

void CudaLane::layernorm_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor stats) {
  cuda::layernorm_forward(context_, x, weights(weight), weights(bias), y, stats);
}

void CudaLane::layernorm_backward(Tensor x, Tensor stats, ParameterId weight, ParameterId bias, Tensor dy, Tensor dx,
                                  bool accumulate) {
  cuda::layernorm_backward(context_, x, stats, weights(weight), dy, dx, accumulate, gradients(weight), gradients(bias));
}

// --- linear ------------------------------------------------------------------------------------------------------

Product CudaLane::forward_product(Tensor x, ParameterId weight, ParameterId bias, Tensor y) const {
  Product product;
  product.a = x.data;
  product.b = matmul_weights(weight);
  product.b_transposed = true;
  product.c = y.data;
  product.in = precision_;
  product.out = y.dtype;
  product.m = x.rows;
  product.n = table_[weight].rows;
  product.k = product.lda = product.ldb = x.cols;
  product.ldc = product.n;
  if (bias != no_parameter) product.bias = weights(bias);
  return product;
}

Product CudaLane::input_product(Tensor dy, ParameterId weight, Tensor dx) const {
  Product product;
  product.a = dy.data;
  product.b = matmul_weights(weight);
  product.c = dx.data;
  product.in = precision_;
  product.out = dx.dtype;
  product.m = dy.rows;
  product.k = product.lda = dy.cols;
  product.n = product.ldb = product.ldc = dx.cols;
  return product;
}

void CudaLane::linear_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y) {
  context_.workspace->begin();
  multiply(context_, forward_product(x, weight, bias, y));
}

void CudaLane::linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                       Tensor residual, Dropout dropout, Tensor out) {
  context_.workspace->begin();
  Product product = forward_product(x, weight, bias, out);
  product.then = Product::Then::residual;
  product.residual = residual.f32();
  product.dropout = dropout_arguments(dropout);
  product.rows_per_sequence = slice.window;
  multiply(context_, product);
}

void CudaLane::linear_residual_layernorm_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                                 Tensor residual, Dropout dropout, Tensor out, ParameterId norm_weight,
                                                 ParameterId norm_bias, Tensor y, Tensor stats) {
  context_.workspace->begin();
  Tensor branch = out;
  branch.data = context_.workspace->take_floats(out.size(), context_.stream);
  multiply(context_, forward_product(x, weight, bias, branch));
  residual_layernorm_forward(context_, branch.f32(), residual, dropout_arguments(dropout), slice.window, out,
                             weights(norm_weight), weights(norm_bias), y, stats);
}

void CudaLane::linear_gelu_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor derivative) {
  context_.workspace->begin();
  Product product = forward_product(x, weight, bias, y);
  product.then = Product::Then::gelu;
  product.aux = derivative.data;
  multiply(context_, product);
}

void CudaLane::copy(Tensor x, Tensor y) {
  cuda::copy(y.data, x.data, static_cast<size_t>(x.size()) * sizeof(float), context_.stream);
}

void CudaLane::dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) {
  cuda::dropout_forward(context_, x, dropout_arguments(dropout), slice.window, y);
}

void CudaLane::dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) {
  cuda::dropout_backward(context_, dout, dropout_arguments(dropout), slice.window, gradients(bias), dy);
}

void CudaLane::linear_backward_input(Tensor dy, ParameterId weight, Tensor dx) {
  context_.workspace->begin();
  multiply(context_, input_product(dy, weight, dx));
}

void CudaLane::linear_gelu_backward_input(Tensor dy, ParameterId weight, Tensor derivative, ParameterId bias,
                                          Tensor dh) {
  context_.workspace->begin();
  Product product = input_product(dy, weight, dh);
  product.then = Product::Then::multiply;
  product.aux = derivative.data;
  multiply(context_, product);
  add_column_sums(context_, dh, gradients(bias));
}

void CudaLane::linear_backward_weight(Tensor dy, Tensor x, ParameterId weight, ParameterId bias) {
  context_.workspace->begin();
  Product product;
  product.a = dy.data;
  product.a_transposed = true;
  product.b = x.data;
  product.c = gradients(weight);
  product.in = precision_;
  product.m = product.lda = dy.cols;
  product.n = product.ldb = product.ldc = x.cols;
  product.k = x.rows;
  product.then = Product::Then::accumulate;
  multiply(context_, product);
  if (bias != no_parameter) add_column_sums(context_, dy, gradients(bias));
}

// --- recurrent layers --------------------------------------------------------------------------------------------

void CudaLane::gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                           Tensor gates, Tensor candidate, Tensor previous, Tensor out) {
  cuda::gru_forward(context_, slice.batch, slice.window, matmul_weights(weight_hh), weights(bias_hh), from_zero, state,
                    gates, candidate, previous, out);
}

void CudaLane::gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate, Tensor previous,
                            Tensor dout, Tensor dstate, Tensor dhidden) {
  cuda::gru_backward(context_, slice.batch, slice.window, matmul_weights(weight_hh), gates, candidate, previous, dout,
                     dstate, dhidden);
}

void CudaLane::lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero,
                            Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out) {
  cuda::lstm_forward(context_, slice.batch, slice.window, matmul_weights(weight_hh), weights(bias_hh), from_zero, state,
                     gates, cell, previous, out);
}

void CudaLane::lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                             Tensor dstate) {
  cuda::lstm_backward(context_, slice.batch, slice.window, matmul_weights(weight_hh), gates, cell, dout, dstate);
}

// --- attention ---------------------------------------------------------------------------------------------------

void CudaLane::attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out, Tensor lse) {
  cuda::attention_forward(context_, slice.batch, slice.window, qkv, heads, dropout_arguments(dropout), out, lse);
}

void CudaLane::attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor lse, int heads, Dropout dropout,
                                  Tensor dout, Tensor dqkv) {
  cuda::attention_backward(context_, slice.batch, slice.window, qkv, out, lse, heads, dropout_arguments(dropout), dout,
                           dqkv);
}

void CudaLane::attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) {
  cuda::attention_decode(context_, qkv, heads, position, keys, values, out);
}

// --- lm_head -----------------------------------------------------------------------------------------------------

void CudaLane::lm_head_loss(const Slice& slice, Tensor y, ParameterId weight) {
  const Parameter& parameter = table_[weight];
  cuda::lm_head_loss(context_, y, matmul_weights(weight), parameter.rows, parameter.padded_rows, slice.targets,
                     slice.losses);
}

void CudaLane::lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight, Tensor dy) {
  const Parameter& parameter = table_[weight];
  cuda::lm_head_loss_backward(context_, y, matmul_weights(weight), parameter.rows, parameter.padded_rows, slice.targets,
                              slice.losses, slice.batch_tokens, arguments_, dy, gradients(weight));
}

void CudaLane::lm_head_logits(Tensor y, ParameterId weight, float* host_logits) {
  // A few rows at a time, so that no more than the staging memory is needed.
  const int64_t vocabulary = table_[weight].rows;
  const int64_t at_once = std::max<int64_t>(1, static_cast<int64_t>(staging_bytes / sizeof(float)) / vocabulary);
  for (int64_t row = 0; row < y.rows; row += at_once) {
    Tensor some = y;
    some.rows = std::min(at_once, y.rows - row);
    some.data = static_cast<char*>(y.data) + static_cast<size_t>(row * y.cols) * size_of(y.dtype);
    context_.workspace->begin();
    Tensor logits{context_.workspace->take_floats(some.rows * vocabulary, context_.stream), DType::fp32, some.rows,
                  vocabulary};
    multiply(context_, forward_product(some, weight, no_parameter, logits));
    read_floats(logits.f32(), logits.size(), host_logits + row * vocabulary);
  }
}

// --- copies ------------------------------------------------------------------------------------------------------

// In pieces through pinned memory: piece(pinned, first byte, bytes) fills or empties one.
void CudaLane::transfer(void* device, size_t bytes, bool to_device,
                        const std::function<void(char*, size_t, size_t)>& piece) {
  char* pinned = staging_.as<char>();
  for (size_t at = 0; at < bytes; at += staging_bytes) {
    const size_t count = std::min(staging_bytes, bytes - at);
    char* place = static_cast<char*>(device) + at;
    if (to_device) {
      piece(pinned, at, count);
      cuda::copy(place, pinned, count, context_.stream);
      synchronize(context_.stream);
    } else {
      cuda::copy(pinned, place, count, context_.stream);
      synchronize(context_.stream);
      piece(pinned, at, count);
    }
  }
}

void CudaLane::write_floats(const float* host, int64_t count, float* to) {
  transfer(to, static_cast<size_t>(count) * sizeof(float), true, [&](char* pinned, size_t at, size_t bytes) {
    std::memcpy(pinned, reinterpret_cast<const char*>(host) + at, bytes);
  });
}

void CudaLane::read_floats(const float* from, int64_t count, float* host) {
  transfer(
      const_cast<float*>(from), static_cast<size_t>(count) * sizeof(float), false,
      [&](char* pinned, size_t at, size_t bytes) { std::memcpy(reinterpret_cast<char*>(host) + at, pinned, bytes); });
}

void CudaLane::upload(const float* host, Tensor to) {
  if (to.dtype == DType::fp32) return write_floats(host, to.size(), to.f32());
  transfer(to.data, static_cast<size_t>(to.size()) * 2, true, [&](char* pinned, size_t at, size_t bytes) {
    auto* halves = reinterpret_cast<uint16_t*>(pinned);
    for (size_t i = 0; i < bytes / 2; i++) halves[i] = to_bf16(host[at / 2 + i]);
  });
}

void CudaLane::download(Tensor from, float* host) {
  if (from.dtype == DType::fp32) return read_floats(from.f32(), from.size(), host);
  transfer(from.data, static_cast<size_t>(from.size()) * 2, false, [&](char* pinned, size_t at, size_t bytes) {
    const auto* halves = reinterpret_cast<const uint16_t*>(pinned);
    for (size_t i = 0; i < bytes / 2; i++) host[at / 2 + i] = from_bf16(halves[i]);
  });
}

// --- time --------------------------------------------------------------------------------------------------------

int CudaLane::stamp() {
  if (stamped_ == events_.size()) events_.push_back(create_event());
  record(events_[stamped_], context_.stream);
  return static_cast<int>(stamped_++);
}

double CudaLane::seconds_between(int from, int to) {
  const Event first = events_.at(static_cast<size_t>(from)), last = events_.at(static_cast<size_t>(to));
  synchronize(last);
  return static_cast<double>(elapsed_ms(first, last)) / 1000;
}

void CudaLane::flush_cache() {
  // Twice the cache: lines go in no strict order.
  if (!flushed_.data())
    flushed_ = DeviceMemory(static_cast<size_t>(2 * context_.l2_bytes), "the flushing of the cache");
  fill(flushed_.data(), 0, flushed_.bytes(), context_.stream);
}

}  // namespace aot::cuda
