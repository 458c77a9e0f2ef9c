#include "cpu/cpu_lane.h"

#include <cstring>

#include "backend/error.h"
#include "backend/rng.h"
#include "cpu/cpu_backend.h"
#include "cpu/gradient_exchange.h"

namespace aot::cpu {

void CpuLane::start(const Pass& pass, size_t workspace) {
  pass_ = &pass;
  stamps_.clear();
  if (workspace_.size() < workspace) {
    workspace_ = MemoryBlock();
    workspace_ = MemoryBlock(workspace, "a thread's activations");
    arena_ = Arena(workspace_.data(), workspace_.size());
  }
}

void CpuLane::make_gradients() {
  if (gradients_) return;
  gradients_ = MemoryBlock(static_cast<size_t>(backend_.table().block_size()) * sizeof(float), "a thread's gradients");
}

void CpuLane::gradients_final(ParameterId first, ParameterId last) {
  if (exchange_) exchange_->final(first, last);
}

const float* CpuLane::weight(ParameterId id) const { return backend_.weights() + backend_.table()[id].offset; }

float* CpuLane::gradient(ParameterId id) {
  make_gradients();
  return gradients_.floats() + backend_.table()[id].offset;
}

KeepBits CpuLane::element_mask(const Slice& slice, Dropout dropout, int64_t width) {
  if (!pass_->training || dropout.rate <= 0) return {};
  const MaskKey key{pass_->seed,
                    pass_->minibatch,
                    dropout_threshold(dropout.rate),
                    pass_->first_row + slice.first,
                    slice.batch,
                    slice.window,
                    0,
                    width};
  Mask& mask = masks_[dropout.site];
  if (mask.key != key) {
    const int64_t count = slice.rows() * width;
    mask.bits.resize(static_cast<size_t>(element_bits_bytes(count)));
    mask.first = backend_.kernels().element_bits({key.seed, key.minibatch, dropout.site, key.threshold},
                                                 static_cast<uint64_t>(key.first_sequence * slice.window * width),
                                                 count, mask.bits.data());
    mask.key = key;
  }
  return {mask.bits.data(), mask.first, 0, 1.f / (1.f - dropout.rate)};
}

KeepBits CpuLane::attention_mask(const Slice& slice, Dropout dropout, int heads) {
  if (!pass_->training || dropout.rate <= 0) return {};
  const MaskKey key{pass_->seed,
                    pass_->minibatch,
                    dropout_threshold(dropout.rate),
                    pass_->first_row + slice.first,
                    slice.batch,
                    slice.window,
                    heads,
                    0};
  Mask& mask = masks_[dropout.site];
  const int64_t row_bytes = attention_row_bytes(slice.window);
  if (mask.key != key) {
    const int64_t head_bytes = row_bytes * slice.window;
    mask.bits.resize(static_cast<size_t>(slice.batch * heads * head_bytes + 8));
    for (int64_t i = 0; i < static_cast<int64_t>(slice.batch) * heads; i++) {
      backend_.kernels().attention_bits({key.seed, key.minibatch, dropout.site, key.threshold},
                                        static_cast<uint32_t>(key.first_sequence * heads + i), slice.window, row_bytes,
                                        mask.bits.data() + i * head_bytes);
    }
    mask.first = 0;
    mask.key = key;
  }
  return {mask.bits.data(), 0, row_bytes, 1.f / (1.f - dropout.rate)};
}

void CpuLane::embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                                Dropout dropout, Tensor x) {
  backend_.kernels().embedding_forward(slice.inputs, slice.batch, slice.window, x.cols, weight(token),
                                       position == no_parameter ? nullptr : weight(position) + first_position * x.cols,
                                       element_mask(slice, dropout, x.cols), x.data, x.dtype);
}

void CpuLane::embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                                 Tensor dx) {
  backend_.kernels().embedding_backward(slice.inputs, slice.batch, slice.window, dx.cols, dx.f32(),
                                        element_mask(slice, dropout, dx.cols), gradient(token),
                                        position == no_parameter ? nullptr : gradient(position));
}

void CpuLane::layernorm_forward(Tensor x, ParameterId weight_id, ParameterId bias, Tensor y, Tensor stats) {
  backend_.kernels().layernorm_forward(x.f32(), x.rows, x.cols, weight(weight_id), weight(bias), y.data, stats.f32());
}

void CpuLane::layernorm_backward(Tensor x, Tensor stats, ParameterId weight_id, ParameterId bias, Tensor dy, Tensor dx,
                                 bool accumulate) {
  backend_.kernels().layernorm_backward(x.f32(), stats.f32(), x.rows, x.cols, weight(weight_id), dy.f32(), dx.f32(),
                                        accumulate, gradient(weight_id), gradient(bias));
}

void CpuLane::linear_forward(Tensor x, ParameterId weight_id, ParameterId bias, Tensor y) {
  backend_.kernels().linear_forward(scratch_, x.data, x.rows, x.cols, y.cols, backend_.packed(weight_id).forward,
                                    weight(bias), y.data, y.dtype);
}

void CpuLane::linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight_id, ParameterId bias,
                                      Tensor residual, Dropout dropout, Tensor out) {
  backend_.kernels().linear_residual_forward(scratch_, x.data, x.rows, x.cols, out.cols,
                                             backend_.packed(weight_id).forward, weight(bias), residual.f32(),
                                             element_mask(slice, dropout, out.cols), out.f32());
}

void CpuLane::linear_gelu_forward(Tensor x, ParameterId weight_id, ParameterId bias, Tensor y, Tensor derivative) {
  backend_.kernels().linear_gelu_forward(scratch_, x.data, x.rows, x.cols, y.cols, backend_.packed(weight_id).forward,
                                         weight(bias), y.data, derivative.data);
}

void CpuLane::copy(Tensor x, Tensor y) { std::memcpy(y.data, x.data, static_cast<size_t>(x.size()) * sizeof(float)); }

void CpuLane::dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) {
  backend_.kernels().dropout_forward(x.data, x.rows, x.cols, element_mask(slice, dropout, x.cols), y.data, y.dtype);
}

void CpuLane::dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) {
  backend_.kernels().dropout_backward(dout.f32(), dout.rows, dout.cols, element_mask(slice, dropout, dout.cols),
                                      gradient(bias), dy.data);
}

void CpuLane::linear_backward_input(Tensor dy, ParameterId weight_id, Tensor dx) {
  backend_.kernels().linear_backward_input(scratch_, dy.data, dy.rows, dx.cols, dy.cols,
                                           backend_.packed(weight_id).backward, dx.data, dx.dtype);
}

void CpuLane::linear_gelu_backward_input(Tensor dy, ParameterId weight_id, Tensor derivative, ParameterId bias,
                                         Tensor dh) {
  backend_.kernels().linear_gelu_backward_input(scratch_, dy.data, dy.rows, dh.cols, dy.cols,
                                                backend_.packed(weight_id).backward, derivative.data, gradient(bias),
                                                dh.data);
}

void CpuLane::linear_backward_weight(Tensor dy, Tensor x, ParameterId weight_id, ParameterId bias) {
  backend_.kernels().linear_backward_weight(scratch_, dy.data, x.data, dy.rows, x.cols, dy.cols, gradient(weight_id),
                                            bias == no_parameter ? nullptr : gradient(bias));
}

void CpuLane::attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out, Tensor lse) {
  const AttentionShape shape{slice.batch, slice.window, heads, static_cast<int>(out.cols / heads)};
  backend_.kernels().attention_forward(scratch_, shape, qkv.data, attention_mask(slice, dropout, heads), out.data,
                                       lse.f32());
}

void CpuLane::attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor, int heads, Dropout dropout,
                                 Tensor dout, Tensor dqkv) {
  const AttentionShape shape{slice.batch, slice.window, heads, static_cast<int>(out.cols / heads)};
  backend_.kernels().attention_backward(scratch_, shape, qkv.data, attention_mask(slice, dropout, heads), dout.data,
                                        dqkv.data);
}

void CpuLane::attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) {
  const AttentionShape shape{1, position, heads, static_cast<int>(out.cols / heads)};
  backend_.kernels().attention_decode(scratch_, shape, qkv.data, keys.data, values.data, out.data);
}

void CpuLane::gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                          Tensor gates, Tensor candidate, Tensor previous, Tensor out) {
  backend_.kernels().gru_forward(scratch_, {slice.batch, slice.window, out.cols}, backend_.packed(weight_hh).forward,
                                 weight(bias_hh), from_zero, state.f32(), gates.data, candidate.data, previous.data,
                                 out.data, out.dtype);
}

void CpuLane::gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate, Tensor previous,
                           Tensor dout, Tensor dstate, Tensor dhidden) {
  backend_.kernels().gru_backward(scratch_, {slice.batch, slice.window, dout.cols}, backend_.packed(weight_hh).backward,
                                  gates.data, candidate.data, previous.data, dout.f32(), dstate.f32(), dhidden.data);
}

void CpuLane::lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                           Tensor gates, Tensor cell, Tensor previous, Tensor out) {
  backend_.kernels().lstm_forward(scratch_, {slice.batch, slice.window, out.cols}, backend_.packed(weight_hh).forward,
                                  weight(bias_hh), from_zero, state.f32(), gates.data, cell.f32(), previous.data,
                                  out.data, out.dtype);
}

void CpuLane::lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                            Tensor dstate) {
  backend_.kernels().lstm_backward(scratch_, {slice.batch, slice.window, dout.cols},
                                   backend_.packed(weight_hh).backward, gates.data, cell.f32(), dout.f32(),
                                   dstate.f32());
}

void CpuLane::lm_head_loss(const Slice& slice, Tensor y, ParameterId weight_id) {
  backend_.kernels().lm_head_loss(scratch_, y.data, y.rows, y.cols, backend_.table()[weight_id].rows,
                                  backend_.packed(weight_id).forward, slice.targets,
                                  pass_->want_losses ? slice.losses : nullptr);
}

void CpuLane::lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight_id, Tensor dy) {
  const PackedWeight& packed = backend_.packed(weight_id);
  backend_.kernels().lm_head_loss_backward(scratch_, y.data, y.rows, y.cols, backend_.table()[weight_id].rows,
                                           packed.forward, packed.backward, slice.targets,
                                           pass_->loss_scale / static_cast<float>(slice.batch_tokens),
                                           pass_->want_losses ? slice.losses : nullptr, dy.f32(), gradient(weight_id));
}

void CpuLane::lm_head_logits(Tensor y, ParameterId weight_id, float* host_logits) {
  backend_.kernels().lm_head_logits(scratch_, y.data, y.rows, y.cols, backend_.table()[weight_id].rows,
                                    backend_.packed(weight_id).forward, host_logits);
}

}  // namespace aot::cpu
