#include "models/rnn.h"

#include <cmath>

#include "backend/rng.h"
#include "models/params_reader.h"

namespace aot {

Rnn::Rnn(Kind kind, const ModelParams& given, DType precision) : Model(precision), kind_(kind) {
  ParamsReader reader(given);
  vocab_size_ = reader.integer("vocab_size", 2, 1 << 24);
  width_ = reader.integer("embed_dim", 1, 1 << 16);
  attn_length_ = reader.integer("attn_length", 1, 1 << 17);
  const int n_layers = reader.integer("n_layers", 1, 4096, 1);
  const float dropout = reader.rate("dropout", 0.1);
  embedding_dropout_ = {reader.rate_or_null("embd_dropout", dropout), embedding_site};
  params_ = reader.finish();
  gates_ = (kind == Kind::gru ? 3 : 4) * width_;

  const Init zero{Init::Kind::constant, 0}, one{Init::Kind::constant, 1}, normal{Init::Kind::normal, 1};
  const Init uniform{Init::Kind::uniform, static_cast<float>(1 / std::sqrt(static_cast<double>(width_)))};
  const std::string prefix = kind == Kind::gru ? "gru." : "lstm.";
  for (int i = 0; i < n_layers; i++) {
    const std::string suffix = "_l" + std::to_string(i);
    Layer layer;
    layer.weight_ih = table_.add(prefix + "weight_ih" + suffix, {gates_, width_}, uniform, true);
    layer.weight_hh = table_.add(prefix + "weight_hh" + suffix, {gates_, width_}, uniform, true);
    layer.bias_ih = table_.add(prefix + "bias_ih" + suffix, {gates_}, uniform);
    layer.bias_hh = table_.add(prefix + "bias_hh" + suffix, {gates_}, uniform);
    layer.output_dropout = {i + 1 < n_layers ? dropout : 0, layer_site(i, LayerSite::between_rnn)};
    layers_.push_back(layer);
  }
  token_embedder_ = table_.add("token_embedder.weight", {vocab_size_, width_}, normal);
  ln_f_weight_ = table_.add("ln_f.weight", {width_}, one);
  ln_f_bias_ = table_.add("ln_f.bias", {width_}, zero);
  lm_head_ = table_.add("lm_head.weight", {vocab_size_, width_}, uniform, true, 128);
}

Tensor Rnn::take_state(Arena& arena, int batch) const {
  return arena.take(batch, kind_ == Kind::gru ? width_ : 2 * width_);
}

std::vector<Tensor> Rnn::take_states(Arena& arena, int batch) const {
  std::vector<Tensor> states;
  for (size_t i = 0; i < layers_.size(); i++) states.push_back(take_state(arena, batch));
  return states;
}

Rnn::Activations Rnn::take_activations(Arena& arena, int batch, int window, bool keep) const {
  const int64_t rows = static_cast<int64_t>(batch) * window;
  const DType kept = kind_ == Kind::gru ? act_ : DType::fp32;
  Activations activations;
  LayerActivations layer;
  layer.input = arena.take(rows, width_, act_);
  for (size_t i = 0; i < layers_.size(); i++) {
    const bool last = i + 1 == layers_.size();
    if (keep || i == 0) {
      layer.gates = arena.take(rows, gates_, act_);
      layer.kept = arena.take(rows, width_, kept);
      layer.previous = arena.take(rows, width_, act_);
    }
    if (last) {
      layer.output = arena.take(rows, width_);
    } else {
      // A layer has read its whole input before it writes.
      layer.output = keep ? arena.take(rows, width_, act_) : layer.input;
    }
    activations.layers.push_back(layer);
    // Dropout is made again from its counters, so that the output may become the next layer's input where it lies.
    layer.input = layer.output;
  }
  activations.normed = arena.take(rows, width_, act_);
  activations.stats = arena.take(rows, 2);
  return activations;
}

Rnn::Gradients Rnn::take_gradients(Arena& arena, int64_t rows) const {
  Gradients gradients;
  gradients.stream = arena.take(rows, width_);
  gradients.normed = arena.take(rows, width_);
  if (kind_ == Kind::gru) gradients.hidden = arena.take(rows, gates_, act_);
  return gradients;
}

void Rnn::forward(Lane& lane, const Slice& slice, const Activations& activations, bool from_zero,
                  const std::vector<Tensor>& states) const {
  lane.embedding_forward(slice, token_embedder_, no_parameter, 0, embedding_dropout_, activations.layers[0].input);
  for (size_t i = 0; i < layers_.size(); i++) {
    const Layer& layer = layers_[i];
    const LayerActivations& to = activations.layers[i];
    lane.linear_forward(to.input, layer.weight_ih, layer.bias_ih, to.gates);
    if (kind_ == Kind::gru) {
      lane.gru_forward(slice, layer.weight_hh, layer.bias_hh, from_zero, states[i], to.gates, to.kept, to.previous,
                       to.output);
    } else {
      lane.lstm_forward(slice, layer.weight_hh, layer.bias_hh, from_zero, states[i], to.gates, to.kept, to.previous,
                        to.output);
    }
    if (layer.output_dropout.rate > 0) lane.dropout_forward(slice, to.output, layer.output_dropout, to.output);
  }
  lane.layernorm_forward(activations.layers.back().output, ln_f_weight_, ln_f_bias_, activations.normed,
                         activations.stats);
}

void Rnn::loss(Lane& lane, const Slice& slice) const {
  const std::vector<Tensor> states(layers_.size(), take_state(lane.arena(), slice.batch));
  const Activations activations = take_activations(lane.arena(), slice.batch, slice.window, false);
  forward(lane, slice, activations, true, states);
  lane.lm_head_loss(slice, activations.normed, lm_head_);
}

void Rnn::logits(Lane& lane, const Slice& slice, float* host_logits) const {
  const std::vector<Tensor> states(layers_.size(), take_state(lane.arena(), slice.batch));
  const Activations activations = take_activations(lane.arena(), slice.batch, slice.window, false);
  forward(lane, slice, activations, true, states);
  lane.lm_head_logits(activations.normed, lm_head_, host_logits);
}

void Rnn::decode(Lane& lane, const Slice& slice, int first_position, float* last_logits) const {
  const std::vector<Tensor> states = take_states(lane.arena(), 1);
  const Activations activations = take_activations(lane.arena(), 1, slice.window, false);
  forward(lane, slice, activations, first_position == 0, states);
  lane.lm_head_logits(activations.normed.row(slice.window - 1), lm_head_, last_logits);
}

void Rnn::loss_backward(Lane& lane, const Slice& slice) const {
  Arena& arena = lane.arena();
  const Tensor state = take_state(arena, slice.batch);
  const Activations kept = take_activations(arena, slice.batch, slice.window, true);
  forward(lane, slice, kept, true, std::vector<Tensor>(layers_.size(), state));
  const Gradients gradients = take_gradients(arena, slice.rows());
  const Tensor stream = gradients.stream;
  lane.lm_head_loss_backward(slice, kept.normed, lm_head_, gradients.normed);
  lane.layernorm_backward(kept.layers.back().output, kept.stats, ln_f_weight_, ln_f_bias_, gradients.normed, stream,
                          false);
  lane.gradients_final(ln_f_weight_, lm_head_);
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const LayerActivations& from = kept.layers[i];
    if (layer.output_dropout.rate > 0) lane.dropout_forward(slice, stream, layer.output_dropout, stream);
    if (kind_ == Kind::gru) {
      lane.gru_backward(slice, layer.weight_hh, from.gates, from.kept, from.previous, stream, state, gradients.hidden);
    } else {
      lane.lstm_backward(slice, layer.weight_hh, from.gates, from.kept, stream, state);
    }
    lane.linear_backward_weight(kind_ == Kind::gru ? gradients.hidden : from.gates, from.previous, layer.weight_hh,
                                layer.bias_hh);
    lane.linear_backward_weight(from.gates, from.input, layer.weight_ih, layer.bias_ih);
    lane.linear_backward_input(from.gates, layer.weight_ih, stream);
    lane.gradients_final(layer.weight_ih, layer.bias_hh);
  }
  lane.embedding_backward(slice, token_embedder_, no_parameter, embedding_dropout_, stream);
  lane.gradients_final(token_embedder_, token_embedder_);
}

// From the last to the first, but for the embedding, which lies between the layers and the last norm.
std::vector<ParameterId> Rnn::gradient_order() const {
  std::vector<ParameterId> order;
  for (ParameterId id = table_.count(); id-- > 0;) {
    if (id != token_embedder_) order.push_back(id);
  }
  order.push_back(token_embedder_);
  return order;
}

size_t Rnn::workspace(Use use, int batch, int window) const {
  Arena arena;  // counts only
  if (use == Use::decode) {
    take_states(arena, batch);
  } else {
    take_state(arena, batch);
  }
  take_activations(arena, batch, window, use == Use::loss_backward);
  if (use == Use::loss_backward) take_gradients(arena, static_cast<int64_t>(batch) * window);
  return arena.peak();
}

}  // namespace aot
