#include "models/gpt.h"

#include <cmath>

#include "backend/error.h"
#include "backend/rng.h"
#include "models/params_reader.h"

namespace aot {
Gpt::Gpt(const ModelParams& given, DType precision) : Model(precision) {
  ParamsReader reader(given);
  vocab_size_ = reader.integer("vocab_size", 2, 1 << 24);
  const int n_layers = reader.integer("n_layers", 1, 4096);
  n_heads_ = reader.integer("n_heads", 1, 1 << 12);
  embed_dim_ = reader.integer("embed_dim", 1, 1 << 16);
  attn_length_ = reader.integer("attn_length", 1, 1 << 17);  // the attention counters of rng.h hold 16 bits a group
  const double mlp_ratio = reader.number("mlp_ratio", 0, 64, 4);
  const float dropout = reader.rate("dropout", 0.1);
  const float embedding_dropout = reader.rate_or_null("embd_dropout", dropout);
  params_ = reader.finish();
  if (embed_dim_ % n_heads_ != 0) {
    fail(ErrorCode::config, "model_params.embed_dim (" + std::to_string(embed_dim_) +
                                ") must be a multiple of model_params.n_heads (" + std::to_string(n_heads_) + ")");
  }
  mlp_dim_ = static_cast<int64_t>(mlp_ratio * static_cast<double>(embed_dim_));
  if (mlp_dim_ < 1) fail(ErrorCode::config, "model_params.mlp_ratio is too small: int(mlp_ratio * embed_dim) is 0");

  const int64_t width = embed_dim_;
  const Init zero{Init::Kind::constant, 0}, one{Init::Kind::constant, 1}, normal{Init::Kind::normal, 1};
  const Init linear{Init::Kind::uniform, static_cast<float>(1 / std::sqrt(static_cast<double>(width)))};
  const Init mlp{Init::Kind::uniform, static_cast<float>(1 / std::sqrt(static_cast<double>(mlp_dim_)))};
  const Init in_proj{Init::Kind::uniform, static_cast<float>(std::sqrt(6.0 / (4.0 * static_cast<double>(width))))};
  token_embedder_ = table_.add("transformer.token_embedder.weight", {vocab_size_, width}, normal);
  position_embedder_ = table_.add("transformer.position_embedder.weight", {attn_length_, width}, normal);
  embedding_dropout_ = {embedding_dropout, embedding_site};
  for (int layer = 0; layer < n_layers; layer++) {
    const std::string prefix = "transformer.h." + std::to_string(layer) + ".";
    Block block;
    block.ln_1_weight = table_.add(prefix + "ln_1.weight", {width}, one);
    block.ln_1_bias = table_.add(prefix + "ln_1.bias", {width}, zero);
    block.in_proj_weight = table_.add(prefix + "attn.attn.in_proj_weight", {3 * width, width}, in_proj, true);
    block.in_proj_bias = table_.add(prefix + "attn.attn.in_proj_bias", {3 * width}, zero);
    block.out_proj_weight = table_.add(prefix + "attn.attn.out_proj.weight", {width, width}, linear, true);
    block.out_proj_bias = table_.add(prefix + "attn.attn.out_proj.bias", {width}, zero);
    block.ln_2_weight = table_.add(prefix + "ln_2.weight", {width}, one);
    block.ln_2_bias = table_.add(prefix + "ln_2.bias", {width}, zero);
    block.c_fc_weight = table_.add(prefix + "mlp.c_fc.weight", {mlp_dim_, width}, linear, true);
    block.c_fc_bias = table_.add(prefix + "mlp.c_fc.bias", {mlp_dim_}, linear);
    block.c_proj_weight = table_.add(prefix + "mlp.c_proj.weight", {width, mlp_dim_}, mlp, true);
    block.c_proj_bias = table_.add(prefix + "mlp.c_proj.bias", {width}, mlp);
    block.attention_dropout = {dropout, layer_site(layer, LayerSite::attention_probabilities)};
    block.attention_output_dropout = {dropout, layer_site(layer, LayerSite::attention_output)};
    block.mlp_output_dropout = {dropout, layer_site(layer, LayerSite::mlp_output)};
    blocks_.push_back(block);
  }
  ln_f_weight_ = table_.add("transformer.ln_f.weight", {width}, one);
  ln_f_bias_ = table_.add("transformer.ln_f.bias", {width}, zero);
  lm_head_ = table_.add("lm_head.weight", {vocab_size_, width}, linear, true, 128);
}

Gpt::BlockActivations Gpt::take_block(Arena& arena, int batch, int window) const {
  const int64_t rows = static_cast<int64_t>(batch) * window;
  BlockActivations block;
  block.normed_1 = arena.take(rows, embed_dim_, act_);
  block.stats_1 = arena.take(rows, 2);
  block.qkv = arena.take(rows, 3 * embed_dim_, act_);
  block.attended = arena.take(rows, embed_dim_, act_);
  block.lse = arena.take(static_cast<int64_t>(batch) * n_heads_, window);
  block.middle = arena.take(rows, embed_dim_);
  block.normed_2 = arena.take(rows, embed_dim_, act_);
  block.stats_2 = arena.take(rows, 2);
  block.hidden = arena.take(rows, mlp_dim_, act_);
  block.gelu_slope = arena.take(rows, mlp_dim_, act_);
  block.output = arena.take(rows, embed_dim_);
  return block;
}

Gpt::Activations Gpt::take_activations(Arena& arena, int batch, int window, bool keep) const {
  const int64_t rows = static_cast<int64_t>(batch) * window;
  Activations activations;
  activations.embedded = arena.take(rows, embed_dim_);
  BlockActivations shared;
  if (!keep) {
    // A block reads its input until its middle is there, so its output may take the input's place.
    shared = take_block(arena, batch, window);
    shared.output = activations.embedded;
  }
  for (size_t i = 0; i < blocks_.size(); i++) {
    activations.blocks.push_back(keep ? take_block(arena, batch, window) : shared);
  }
  activations.normed = arena.take(rows, embed_dim_, act_);
  activations.stats = arena.take(rows, 2);
  return activations;
}

Gpt::Gradients Gpt::take_gradients(Arena& arena, int64_t rows) const {
  Gradients gradients;
  gradients.stream = arena.take(rows, embed_dim_);
  gradients.normed = arena.take(rows, embed_dim_);
  gradients.output = arena.take(rows, embed_dim_, act_);
  gradients.attended = arena.take(rows, embed_dim_, act_);
  gradients.qkv = arena.take(rows, 3 * embed_dim_, act_);
  gradients.hidden = arena.take(rows, mlp_dim_, act_);
  return gradients;
}

std::vector<Gpt::Cache> Gpt::take_caches(Arena& arena) const {
  std::vector<Cache> caches;
  for (size_t i = 0; i < blocks_.size(); i++) {
    Cache cache;
    cache.keys = arena.take(attn_length_, embed_dim_, act_);
    cache.values = arena.take(attn_length_, embed_dim_, act_);
    caches.push_back(cache);
  }
  return caches;
}

void Gpt::forward(Lane& lane, const Slice& slice, const Activations& activations, int first_position,
                  const std::vector<Cache>* caches) const {
  Tensor x = activations.embedded;
  lane.embedding_forward(slice, token_embedder_, position_embedder_, first_position, embedding_dropout_, x);
  lane.layernorm_forward(x, blocks_[0].ln_1_weight, blocks_[0].ln_1_bias, activations.blocks[0].normed_1,
                         activations.blocks[0].stats_1);
  for (size_t i = 0; i < blocks_.size(); i++) {
    const Block& block = blocks_[i];
    const BlockActivations& to = activations.blocks[i];
    lane.linear_forward(to.normed_1, block.in_proj_weight, block.in_proj_bias, to.qkv);
    if (caches) {
      for (int row = 0; row < slice.window; row++) {
        lane.attention_decode(to.qkv.row(row), n_heads_, first_position + row, (*caches)[i].keys, (*caches)[i].values,
                              to.attended.row(row));
      }
    } else {
      lane.attention_forward(slice, to.qkv, n_heads_, block.attention_dropout, to.attended, to.lse);
    }
    lane.linear_residual_layernorm_forward(slice, to.attended, block.out_proj_weight, block.out_proj_bias, x,
                                           block.attention_output_dropout, to.middle, block.ln_2_weight,
                                           block.ln_2_bias, to.normed_2, to.stats_2);
    lane.linear_gelu_forward(to.normed_2, block.c_fc_weight, block.c_fc_bias, to.hidden, to.gelu_slope);
    // Fused with the layernorm that reads the output: the next block's first, or the last.
    const bool last = i + 1 == blocks_.size();
    lane.linear_residual_layernorm_forward(
        slice, to.hidden, block.c_proj_weight, block.c_proj_bias, to.middle, block.mlp_output_dropout, to.output,
        last ? ln_f_weight_ : blocks_[i + 1].ln_1_weight, last ? ln_f_bias_ : blocks_[i + 1].ln_1_bias,
        last ? activations.normed : activations.blocks[i + 1].normed_1,
        last ? activations.stats : activations.blocks[i + 1].stats_1);
    x = to.output;
  }
}

void Gpt::loss(Lane& lane, const Slice& slice) const {
  const Activations activations = take_activations(lane.arena(), slice.batch, slice.window, false);
  forward(lane, slice, activations, 0, nullptr);
  lane.lm_head_loss(slice, activations.normed, lm_head_);
}

void Gpt::logits(Lane& lane, const Slice& slice, float* host_logits) const {
  const Activations activations = take_activations(lane.arena(), slice.batch, slice.window, false);
  forward(lane, slice, activations, 0, nullptr);
  lane.lm_head_logits(activations.normed, lm_head_, host_logits);
}

void Gpt::decode(Lane& lane, const Slice& slice, int first_position, float* last_logits) const {
  const std::vector<Cache> caches = take_caches(lane.arena());
  const Activations activations = take_activations(lane.arena(), 1, slice.window, false);
  forward(lane, slice, activations, first_position, &caches);
  lane.lm_head_logits(activations.normed.row(slice.window - 1), lm_head_, last_logits);
}

void Gpt::loss_backward(Lane& lane, const Slice& slice) const {
  const Activations kept = take_activations(lane.arena(), slice.batch, slice.window, true);
  const Gradients gradients = take_gradients(lane.arena(), slice.rows());
  forward(lane, slice, kept, 0, nullptr);
  lane.lm_head_loss_backward(slice, kept.normed, lm_head_, gradients.normed);
  lane.layernorm_backward(kept.blocks.back().output, kept.stats, ln_f_weight_, ln_f_bias_, gradients.normed,
                          gradients.stream, false);
  lane.gradients_final(ln_f_weight_, lm_head_);
  for (size_t i = blocks_.size(); i-- > 0;) {
    block_backward(lane, slice, blocks_[i], kept.blocks[i], i == 0 ? kept.embedded : kept.blocks[i - 1].output,
                   gradients);
    lane.gradients_final(blocks_[i].ln_1_weight, blocks_[i].c_proj_bias);
  }
  lane.embedding_backward(slice, token_embedder_, position_embedder_, embedding_dropout_, gradients.stream);
  lane.gradients_final(token_embedder_, position_embedder_);
}

// From the last to the first.
std::vector<ParameterId> Gpt::gradient_order() const {
  std::vector<ParameterId> order;
  for (ParameterId id = table_.count(); id-- > 0;) order.push_back(id);
  return order;
}

void Gpt::block_backward(Lane& lane, const Slice& slice, const Block& block, const BlockActivations& kept, Tensor input,
                         const Gradients& gradients) const {
  lane.dropout_backward(slice, gradients.stream, block.mlp_output_dropout, block.c_proj_bias, gradients.output);
  lane.linear_backward_weight(gradients.output, kept.hidden, block.c_proj_weight, no_parameter);
  lane.linear_gelu_backward_input(gradients.output, block.c_proj_weight, kept.gelu_slope, block.c_fc_bias,
                                  gradients.hidden);
  lane.linear_backward_weight(gradients.hidden, kept.normed_2, block.c_fc_weight, no_parameter);
  lane.linear_backward_input(gradients.hidden, block.c_fc_weight, gradients.normed);
  lane.layernorm_backward(kept.middle, kept.stats_2, block.ln_2_weight, block.ln_2_bias, gradients.normed,
                          gradients.stream, true);

  lane.dropout_backward(slice, gradients.stream, block.attention_output_dropout, block.out_proj_bias, gradients.output);
  lane.linear_backward_weight(gradients.output, kept.attended, block.out_proj_weight, no_parameter);
  lane.linear_backward_input(gradients.output, block.out_proj_weight, gradients.attended);
  lane.attention_backward(slice, kept.qkv, kept.attended, kept.lse, n_heads_, block.attention_dropout,
                          gradients.attended, gradients.qkv);
  lane.linear_backward_weight(gradients.qkv, kept.normed_1, block.in_proj_weight, block.in_proj_bias);
  lane.linear_backward_input(gradients.qkv, block.in_proj_weight, gradients.normed);
  lane.layernorm_backward(input, kept.stats_1, block.ln_1_weight, block.ln_1_bias, gradients.normed, gradients.stream,
                          true);
}

size_t Gpt::workspace(Use use, int batch, int window) const {
  Arena arena;  // counts only
  if (use == Use::decode) take_caches(arena);
  take_activations(arena, batch, window, use == Use::loss_backward);
  if (use == Use::loss_backward) take_gradients(arena, static_cast<int64_t>(batch) * window);
  return arena.peak();
}

}  // namespace aot
