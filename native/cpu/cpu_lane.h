// defines: aot::cpu::CpuLane
#pragma once
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"

namespace aot::cpu {

class CpuBackend;
class GradientExchange;

// One thread's lane: hands the ops to the kernels, and owns what the thread writes to: its workspace, its share of the
// gradients, its buffers, and the bits of its dropout masks, which the backward pass uses again.
class CpuLane final : public Lane {
 public:
  explicit CpuLane(CpuBackend& backend) : backend_(backend) {}

  // Before each run, on the lane's own thread. workspace in bytes.
  void start(const Pass& pass, size_t workspace);
  // This lane's share of the gradients, block_size() floats; null until an op has needed it, or make_gradients().
  float* gradients() const { return gradients_.floats(); }
  void make_gradients();
  // Where the pass of the next slice reports what gradients are final; null: nowhere.
  void report_to(GradientExchange* exchange) { exchange_ = exchange; }

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
  void gradients_final(ParameterId first, ParameterId last) override;

 private:
  // All that a mask depends on: equal keys, equal bits.
  struct MaskKey {
    uint64_t seed = 0;
    uint32_t minibatch = 0, threshold = 0;
    int64_t first_sequence = -1;
    int batch = 0, window = 0, heads = 0;  // heads: 0 for an element mask
    int64_t width = 0;
    bool operator==(const MaskKey&) const = default;
  };
  struct Mask {
    MaskKey key;
    std::vector<uint8_t> bits;
    int64_t first = 0;
  };

  const float* weight(ParameterId id) const;
  float* gradient(ParameterId id);
  KeepBits element_mask(const Slice& slice, Dropout dropout, int64_t width);
  KeepBits attention_mask(const Slice& slice, Dropout dropout, int heads);

  CpuBackend& backend_;
  GradientExchange* exchange_ = nullptr;
  MemoryBlock workspace_, gradients_;
  Scratch scratch_;
  std::unordered_map<uint32_t, Mask> masks_;  // by site
};

}  // namespace aot::cpu
