// defines: aot::Gpt
//
// The original's GPT: token and position embeddings, dropout, pre-norm blocks (LayerNorm, causal self-attention in
// nn.MultiheadAttention's layout, dropout; LayerNorm, Linear, exact GELU, Linear, dropout), LayerNorm, untied lm_head.
//
// Parameters, in this order (C = embed_dim, M = int(mlp_ratio * C), i from 0 to n_layers - 1):
//   transformer.token_embedder.weight            [vocab_size, C]
//   transformer.position_embedder.weight         [attn_length, C]
//   transformer.h.<i>.ln_1.weight, .bias         [C]
//   transformer.h.<i>.attn.attn.in_proj_weight   [3C, C]    rows: q, k, v, each as heads side by side
//   transformer.h.<i>.attn.attn.in_proj_bias     [3C]
//   transformer.h.<i>.attn.attn.out_proj.weight  [C, C]
//   transformer.h.<i>.attn.attn.out_proj.bias    [C]
//   transformer.h.<i>.ln_2.weight, .bias         [C]
//   transformer.h.<i>.mlp.c_fc.weight, .bias     [M, C], [M]
//   transformer.h.<i>.mlp.c_proj.weight, .bias   [C, M], [C]
//   transformer.ln_f.weight, .bias               [C]
//   lm_head.weight                               [vocab_size, C]
// The original's state dict holds a buffer besides, transformer.h.<i>.attn.cant_attend (the causal mask): files with it
// are read, files we write do without.
#pragma once
#include <vector>

#include "models/model.h"

namespace aot {

class Gpt final : public Model {
 public:
  // Keys: vocab_size n_layers n_heads embed_dim attn_length; with defaults mlp_ratio (4), dropout (0.1) and
  // embd_dropout (null: as dropout).
  Gpt(const ModelParams& params, DType precision);

  void loss(Lane& lane, const Slice& slice) const override;
  void loss_backward(Lane& lane, const Slice& slice) const override;
  std::vector<ParameterId> gradient_order() const override;
  void logits(Lane& lane, const Slice& slice, float* host_logits) const override;
  void decode(Lane& lane, const Slice& slice, int first_position, float* last_logits) const override;
  int decode_length() const override { return attn_length_; }
  size_t workspace(Use use, int batch, int window) const override;

 private:
  struct Block {
    ParameterId ln_1_weight, ln_1_bias, in_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias;
    ParameterId ln_2_weight, ln_2_bias, c_fc_weight, c_fc_bias, c_proj_weight, c_proj_bias;
    Dropout attention_dropout, attention_output_dropout, mlp_output_dropout;
  };
  // What a block's forward pass leaves for its backward pass; n rows.
  struct BlockActivations {
    Tensor normed_1, stats_1;   // [n,C] act, [n,2]
    Tensor qkv, attended, lse;  // [n,3C] act, [n,C] act, [b*H,T]
    Tensor middle;              // [n,C] fp32: the residual stream after attention
    Tensor normed_2, stats_2;   // [n,C] act, [n,2]
    Tensor hidden, gelu_slope;  // [n,M] act
    Tensor output;              // [n,C] fp32: the residual stream after the block
  };
  // What a whole forward pass leaves.
  struct Activations {
    Tensor embedded;                       // [n,C] fp32
    std::vector<BlockActivations> blocks;  // n_layers; all over the same memory when nothing is kept
    Tensor normed, stats;                  // [n,C] act, [n,2]
  };
  // The backward pass's own.
  struct Gradients {
    Tensor stream;            // [n,C] fp32: the gradient of the residual stream
    Tensor normed;            // [n,C] fp32: the gradient of a LayerNorm's output
    Tensor output, attended;  // [n,C] act
    Tensor qkv;               // [n,3C] act
    Tensor hidden;            // [n,M] act
  };
  struct Cache {
    Tensor keys, values;  // [attn_length,C] act
  };

  BlockActivations take_block(Arena& arena, int batch, int window) const;
  Activations take_activations(Arena& arena, int batch, int window, bool keep) const;
  Gradients take_gradients(Arena& arena, int64_t rows) const;
  std::vector<Cache> take_caches(Arena& arena) const;
  // Everything up to the final LayerNorm; with a cache, attention goes row by row against it.
  void forward(Lane& lane, const Slice& slice, const Activations& activations, int first_position,
               const std::vector<Cache>* caches) const;
  void block_backward(Lane& lane, const Slice& slice, const Block& block, const BlockActivations& kept, Tensor input,
                      const Gradients& gradients) const;

  int n_heads_ = 0;
  int64_t embed_dim_ = 0, mlp_dim_ = 0;
  ParameterId token_embedder_, position_embedder_, ln_f_weight_, ln_f_bias_, lm_head_;
  Dropout embedding_dropout_;
  std::vector<Block> blocks_;
};

}  // namespace aot
