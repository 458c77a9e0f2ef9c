// defines: aot::Rnn
//
// The original's recurrent models: token embeddings, dropout, nn.GRU or nn.LSTM of n_layers layers as wide as the
// embeddings with dropout between the layers, LayerNorm, untied lm_head.
//
// Parameters, in this order (C = embed_dim, G = 3 for gru and 4 for lstm, i from 0 to n_layers - 1, <kind> gru or
// lstm):
//   <kind>.weight_ih_l<i>, <kind>.weight_hh_l<i>   [GC, C]   rows: the gates, r z n or i f g o
//   <kind>.bias_ih_l<i>, <kind>.bias_hh_l<i>       [GC]
//   token_embedder.weight                          [vocab_size, C]
//   ln_f.weight, ln_f.bias                         [C]
//   lm_head.weight                                 [vocab_size, C]
#pragma once
#include <vector>

#include "models/model.h"

namespace aot {

class Rnn final : public Model {
 public:
  enum class Kind { gru, lstm };
  // Keys: vocab_size embed_dim attn_length; with defaults n_layers (1), dropout (0.1; between the layers) and
  // embd_dropout (null: as dropout). attn_length is the largest window of a batch: the network itself knows no length.
  Rnn(Kind kind, const ModelParams& params, DType precision);

  // With as many rows as that, a product of one token's step takes little longer than its share of the weights' way
  // from memory; more would only take more memory.
  int slice_sequences() const override { return 32; }
  void loss(Lane& lane, const Slice& slice) const override;
  void loss_backward(Lane& lane, const Slice& slice) const override;
  std::vector<ParameterId> gradient_order() const override;
  void logits(Lane& lane, const Slice& slice, float* host_logits) const override;
  void decode(Lane& lane, const Slice& slice, int first_position, float* last_logits) const override;
  int decode_length() const override { return 0; }
  size_t workspace(Use use, int batch, int window) const override;

 private:
  struct Layer {
    ParameterId weight_ih, weight_hh, bias_ih, bias_hh;
    Dropout output_dropout;  // rate 0 at the last layer
  };
  // What a layer's forward pass leaves for its backward pass; n rows.
  struct LayerActivations {
    Tensor input;     // [n,C] act
    Tensor gates;     // [n,GC] act
    Tensor kept;      // gru: candidate [n,C] act; lstm: cell [n,C] fp32
    Tensor previous;  // [n,C] act
    Tensor output;    // [n,C] act; of the last layer fp32
  };
  // What a whole forward pass leaves.
  struct Activations {
    std::vector<LayerActivations> layers;  // n_layers; over the same memory when nothing is kept
    Tensor normed, stats;                  // [n,C] act, [n,2]
  };

  // The backward pass's own.
  struct Gradients {
    Tensor stream;  // [n,C] fp32: the gradient of a layer's output
    Tensor normed;  // [n,C] fp32: of the final LayerNorm's output
    Tensor hidden;  // [n,GC] act: of the hidden state's share of the gates; gru only
  };

  // What a sequence carries from token to token, [b, C] or [b, 2C] fp32.
  Tensor take_state(Arena& arena, int batch) const;
  std::vector<Tensor> take_states(Arena& arena, int batch) const;
  Activations take_activations(Arena& arena, int batch, int window, bool keep) const;
  Gradients take_gradients(Arena& arena, int64_t rows) const;
  // Everything up to the final LayerNorm. states: one a layer.
  void forward(Lane& lane, const Slice& slice, const Activations& activations, bool from_zero,
               const std::vector<Tensor>& states) const;

  const Kind kind_;
  int64_t width_ = 0, gates_ = 0;  // C, GC
  ParameterId token_embedder_, ln_f_weight_, ln_f_bias_, lm_head_;
  Dropout embedding_dropout_;
  std::vector<Layer> layers_;
};

}  // namespace aot
