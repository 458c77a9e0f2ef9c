// defines: aot::ReferenceBlocks, aot::ReferenceLane
#pragma once
#include <cstdint>
#include <vector>

#include "backend/backend.h"

namespace aot {

// What the one lane works on.
struct ReferenceBlocks {
  std::vector<float> weights, gradients, moment1, moment2;
  // The weights as matrix products see them: rounded to bf16 in that precision, else empty (use `weights`).
  std::vector<float> matmul_weights;
};

class ReferenceLane final : public Lane {
 public:
  ReferenceLane(const ParameterTable& table, ReferenceBlocks& blocks) : table_(table), blocks_(blocks) {}
  void begin(const Pass& pass, void* workspace, size_t bytes);

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

 private:
  const float* weights(ParameterId id) const { return blocks_.weights.data() + table_[id].offset; }
  const float* matmul_weights(ParameterId id) const;
  float* gradients(ParameterId id) { return blocks_.gradients.data() + table_[id].offset; }
  void add_column_sums(const std::vector<double>& values, int64_t cols, ParameterId bias);
  // x weight^T + bias, [x.rows, rows of weight]
  std::vector<double> linear(Tensor x, ParameterId weight, ParameterId bias) const;
  // dy weight, [dy.rows, columns of weight]
  std::vector<double> linear_transposed(Tensor dy, ParameterId weight) const;
  // What dropout multiplies an element by: 0 or 1/(1-rate), or 1 where there is no dropout.
  double keep(Dropout dropout, uint64_t index) const;
  double keep_attention(Dropout dropout, int row, int column, uint32_t batch_head) const;
  // The place of the slice's first element in the global batch, rows of `cols`.
  uint64_t first_index(const Slice& slice, int64_t cols) const;
  void cross_entropy(const Slice& slice, Tensor y, ParameterId weight, Tensor* dy);

  const ParameterTable& table_;
  ReferenceBlocks& blocks_;
};

}  // namespace aot
