// defines: aot::cuda::CudaLane
#pragma once
#include <functional>
#include <vector>

#include "backend/backend.h"
#include "kernels.h"

namespace aot::cuda {

// Every op of backend.h as calls of kernels.h.
class CudaLane final : public Lane {
 public:
  // bf16_weights: null in fp32.
  CudaLane(const Context& context, const ParameterTable& table, float* weights, void* bf16_weights, float* gradients,
           DType precision);
  ~CudaLane() override;
  CudaLane(const CudaLane&) = delete;
  CudaLane& operator=(const CudaLane&) = delete;

  // arguments and order (the batch's rows sorted by token): device memory.
  // gradients_final: called where an op's is; may be empty.
  void begin(const Pass& pass, const PassArguments* arguments, const int32_t* order, void* arena, size_t arena_bytes,
             std::function<void(ParameterId, ParameterId)> gradients_final);

  void embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                         Dropout dropout, Tensor x) override;
  void embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                          Tensor dx) override;
  void layernorm_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor stats) override;
  void layernorm_backward(Tensor x, Tensor stats, ParameterId weight, ParameterId bias, Tensor dy, Tensor dx,
                          bool accumulate) override;
  void linear_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y) override;
  void linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias, Tensor residual,
                               Dropout dropout, Tensor out) override;
  void linear_residual_layernorm_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                         Tensor residual, Dropout dropout, Tensor out, ParameterId norm_weight,
                                         ParameterId norm_bias, Tensor y, Tensor stats) override;
  void linear_gelu_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor derivative) override;
  void copy(Tensor x, Tensor y) override;
  void dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) override;
  void dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) override;
  void linear_backward_input(Tensor dy, ParameterId weight, Tensor dx) override;
  void linear_gelu_backward_input(Tensor dy, ParameterId weight, Tensor derivative, ParameterId bias,
                                  Tensor dh) override;
  void linear_backward_weight(Tensor dy, Tensor x, ParameterId weight, ParameterId bias) override;
  void attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out, Tensor lse) override;
  void attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor lse, int heads, Dropout dropout,
                          Tensor dout, Tensor dqkv) override;
  void attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) override;
  void gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                   Tensor gates, Tensor candidate, Tensor previous, Tensor out) override;
  void gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate, Tensor previous,
                    Tensor dout, Tensor dstate, Tensor dhidden) override;
  void lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                    Tensor gates, Tensor cell, Tensor previous, Tensor out) override;
  void lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                     Tensor dstate) override;
  void lm_head_loss(const Slice& slice, Tensor y, ParameterId weight) override;
  void lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight, Tensor dy) override;
  void lm_head_logits(Tensor y, ParameterId weight, float* host_logits) override;
  void gradients_final(ParameterId first, ParameterId last) override {
    if (gradients_final_) gradients_final_(first, last);
  }
  void upload(const float* host, Tensor to) override;
  void download(Tensor from, float* host) override;
  int stamp() override;
  double seconds_between(int from, int to) override;
  void flush_cache() override;

  // Between host memory of any kind and device memory; return when done.
  void write_floats(const float* host, int64_t count, float* to);
  void read_floats(const float* from, int64_t count, float* host);

 private:
  float* weights(ParameterId id) const { return weights_ + table_[id].offset; }
  float* gradients(ParameterId id) const { return gradients_ + table_[id].offset; }
  const void* matmul_weights(ParameterId id) const;
  DropoutArguments dropout_arguments(Dropout dropout) const;
  // y = x weight^T + bias, to be completed.
  Product forward_product(Tensor x, ParameterId weight, ParameterId bias, Tensor y) const;
  Product input_product(Tensor dy, ParameterId weight, Tensor dx) const;
  void transfer(void* device, size_t bytes, bool to_device, const std::function<void(char*, size_t, size_t)>& piece);

  const Context& context_;
  const ParameterTable& table_;
  float* const weights_;
  void* const bf16_weights_;
  float* const gradients_;
  const DType precision_;
  const PassArguments* arguments_ = nullptr;
  const int32_t* order_ = nullptr;
  std::function<void(ParameterId, ParameterId)> gradients_final_;
  PinnedMemory staging_;
  std::vector<Event> events_;  // of stamps; the first `stamped_` in this pass
  size_t stamped_ = 0;
  DeviceMemory flushed_;
};

}  // namespace aot::cuda
