// defines: aot::Model, aot::ModelParams, aot::make_model, aot::initial_values
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace aot {

// As in the config files (`model_params`), keys in snake_case; an empty value is JSON's null.
using ModelParams = std::map<std::string, std::optional<double>>;

// A language model: its parameters, and the passes that a lane takes a slice through. Written over backend.h alone, so
// that it never knows on which device it runs. The passes are called inside Backend::run(), maybe by several lanes at
// the same time, after Backend::reserve() of workspace() bytes; they take what they need from lane.arena().
class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ParameterTable& table() const { return table_; }
  const ModelParams& params() const { return params_; }  // every key there is, defaults filled in
  int vocab_size() const { return vocab_size_; }
  int attn_length() const { return attn_length_; }  // tokens of the largest window
  // For BackendOptions::slice_sequences.
  virtual int slice_sequences() const { return 1; }

  // slice.losses = cross-entropy of slice.targets; dropout as the pass says.
  virtual void loss(Lane& lane, const Slice& slice) const = 0;
  // The same, and adds the gradients of pass.loss_scale * mean loss; tells the lane which of them are final.
  virtual void loss_backward(Lane& lane, const Slice& slice) const = 0;
  // Every parameter, in the order in which loss_backward() says that their gradients are final.
  virtual std::vector<ParameterId> gradient_order() const = 0;
  // host_logits[b*T, V] fp32.
  virtual void logits(Lane& lane, const Slice& slice, float* host_logits) const = 0;
  // Generation, one sequence: the slice holds the tokens from first_position on, after those of the calls before it
  // (first_position 0 starts anew). last_logits[V] fp32, host: what follows the last of them. The state of the earlier
  // tokens lies at the start of the lane's workspace, so nothing else may run on the backend between the calls of one
  // sequence.
  virtual void decode(Lane& lane, const Slice& slice, int first_position, float* last_logits) const = 0;
  // Tokens that decode() can hold; 0 when there is no limit.
  virtual int decode_length() const = 0;

  // Bytes of workspace that a pass takes for b sequences of T tokens.
  enum class Use { loss, loss_backward, logits, decode };
  virtual size_t workspace(Use use, int batch, int window) const = 0;

 protected:
  explicit Model(DType precision) : act_(precision) {}
  const DType act_;  // of the activations that enter matrix products
  ParameterTable table_;
  ModelParams params_;
  int vocab_size_ = 0, attn_length_ = 0;
};

// model: `gpt`, `gru` or `lstm`. precision: as the backend's. Throws AOT_CONFIG for a model that does not exist, and
// for a key that is missing, unknown or wrong.
std::unique_ptr<Model> make_model(const std::string& model, const ModelParams& params, DType precision);

// The values a parameter starts with, elements [begin, begin + count) of [rows*cols], equal on every backend: element i
// is made from the word i%4 of the Philox block {i/4, 0, init_site | id}. begin is a multiple of 4. Uniform: bound *
// (2u - 1) with u = (word + 1/2)/2^32; normal: Box-Muller on the words of a pair, cosine for the even element, sine for
// the odd.
std::vector<float> initial_values(const ParameterTable& table, ParameterId id, uint64_t seed, int64_t begin,
                                  int64_t count);

}  // namespace aot
