// defines: aot::Engine, aot::EngineOptions, aot::GenerateOptions, aot::Profile
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "dist/replicas.h"
#include "io/safetensors.h"
#include "models/model.h"
#include "train/profile.h"

namespace aot {

struct EngineOptions {
  std::string model = "gpt";
  ModelParams params;
  std::string device = "cpu";  // several with commas: a replica on each
  DType precision = DType::fp32;
  uint64_t seed = 0;
  std::string weights;      // a safetensors file with all parameters; empty: initial weights made from the seed
  int threads = 0;          // of a cpu backend; 0: its share of the cores this process may use
  ReplicaOptions replicas;  // where there are several
};

struct GenerateOptions {
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // sample from the k likeliest (and those as likely as the k-th); 0: from all
  uint64_t seed = 0;
};

// Where the time of one optimizer step of one minibatch went.
struct Profile {
  double seconds = 0;  // of all of it, by the host's clock
  int lanes = 1;       // that worked at the same time: the ops' seconds are those of all of them
  std::map<std::string, OpShare> ops;
};

// A model on a device, and everything that is done with it. Not thread-safe but for the counters: one call at a time.
// Every method checks what it is given: ids and shapes are AOT_DATA, options AOT_CONFIG.
class Engine {
 public:
  // What a call will give when it is waited for; in the order of the calls, once each.
  using Pending = std::function<double()>;

  // world: of the processes that work on the model together; calls are collective as Replicas says, and synchronise()
  // comes first. Null: this process alone.
  static std::unique_ptr<Engine> create(const EngineOptions& options, std::shared_ptr<World> world = nullptr);
  // The exact state that save() wrote; precision, model and seed are those of the files. place: what is asked of the
  // other options.
  static std::unique_ptr<Engine> load(const std::string& folder, const EngineOptions& place,
                                      std::shared_ptr<World> world = nullptr);
  // The state of the first process for all of the world.
  void synchronise();

  const EngineOptions& options() const { return options_; }  // params as resolved
  const ParameterTable& table() const { return model_->table(); }
  int vocab_size() const { return model_->vocab_size(); }
  std::string description() const { return backend_->description(); }
  // Minibatches accumulated in the run: the number of the next one, which keys its dropout.
  uint32_t minibatch() const { return minibatch_; }
  int64_t optimizer_steps() const { return optimizer_steps_; }

  // inputs and targets: [batch, T] token ids, T at most attn_length. Dropout is off in forward and evaluate.
  // Writes the logits [batch, T, vocab_size].
  void forward(std::span<const int32_t> inputs, int64_t batch, std::span<float> logits);
  // Nats of each token, [batch, T].
  std::vector<float> evaluate(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch);
  // Adds scale * the gradient of the mean loss, dropout on. The wait gives that loss (nats per token, before scaling).
  // A loss that is not finite is AOT_NUMERIC; the gradients are spoilt then: save() refuses, and the optimizer step
  // clears them and fails. last: the next call is the optimizer step, so that replicas may exchange their gradients
  // while they still compute.
  Pending accumulate(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch, double scale,
                     bool last = false);
  // Clip, AdamW, gradients to zero. The wait gives the global norm before clipping; AOT_NUMERIC when that is not
  // finite: then only the gradients are touched, by this step and by those that were issued since.
  Pending optimizer_step(double lr, double clip);
  // One minibatch and an optimizer step that is 0 long, op by op: weights stay as they are, moments and counters do
  // not. On a device that works ahead nothing is replayed: launches that are usually recorded once are made one by one.
  Profile profile(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch);
  // Bytes on the device, at most so far; 0 where the device works in the process's own memory.
  size_t peak_memory() const { return backend_->peak_memory(); }
  // Whether calls return before the work is done, so that the next should be made before this one is waited for.
  bool works_ahead() const { return backend_->works_ahead(); }
  // Continues a prompt, which begins with the token that every window begins with (BOS), and gives the new tokens. Past
  // attn_length the oldest tokens fall out and the window is computed anew from position 0.
  std::vector<int32_t> generate(std::span<const int32_t> prompt, int64_t tokens, const GenerateOptions& options);
  // What generate() puts after a sequence as its token number `index` from 0. A sequence that goes on where the call
  // before ended costs one token: its state is still there unless another kind of call was made in between.
  int32_t next_token(std::span<const int32_t> sequence, int64_t index, const GenerateOptions& options);

  // Values of one parameter in a block, without padding.
  std::vector<float> read(Block block, ParameterId id);
  // Writes model.safetensors (weights) and optimizer.safetensors (moments, and the gradients of minibatches that no
  // optimizer step has used yet) into a folder that exists; both carry the counters and options. Processes other than
  // the first write nothing.
  void save(const std::string& folder);

 private:
  Engine(const EngineOptions& options, std::shared_ptr<World> world);

  int check_batch(std::span<const int32_t> inputs, int64_t batch) const;  // returns T
  void check_ids(std::span<const int32_t> ids, const char* what) const;
  void check_targets(std::span<const int32_t> inputs, std::span<const int32_t> targets) const;
  // AOT_MEMORY when the activations, and so many bytes of results beside them, do not fit.
  void reserve(Backend& backend, Model::Use use, int batch, int window);
  void write(Block block, ParameterId id, std::span<const float> values);
  void write_all(Block block, const SafetensorsReader& file, const std::string& prefix);
  void read_weights(const SafetensorsReader& file);
  // Parts of a file: the prefix of their tensors, and the values.
  struct StoredBlock {
    std::string prefix;
    std::function<std::vector<float>(ParameterId id)> values;
  };
  void write_file(const std::string& path, const std::vector<StoredBlock>& blocks);
  std::vector<float> read_share(int share, ParameterId id);
  void restore_gradients(const SafetensorsReader& file, int shares);
  void restore(const SafetensorsReader& model_file, const SafetensorsReader& optimizer_file);
  Metadata metadata() const;
  void check_generation(std::span<const int32_t> prompt, const GenerateOptions& options) const;
  // Feeds tokens at positions from first_position on; logits of what follows the last.
  void decode(std::span<const int32_t> tokens, int first_position, std::vector<float>& logits);
  // Logits of what follows the sequence, whose first `prompt` tokens came at once and the others one by one.
  void follow(std::span<const int32_t> sequence, size_t prompt, std::vector<float>& logits);

  EngineOptions options_;
  std::shared_ptr<World> world_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Backend> backend_;
  std::atomic<uint32_t> minibatch_ = 0;
  std::atomic<int64_t> optimizer_steps_ = 0;
  int64_t pending_ = 0;       // minibatches in the gradients
  int64_t steps_issued_ = 0;  // optimizer steps, those that failed too
  size_t reserved_ = 0;       // bytes of workspace of a lane
  // The tokens whose state lies in the workspace, for decode() to go on from; empty when there is none.
  std::vector<int32_t> decoded_;
  Profiler* profiler_ = nullptr;  // set while profile() runs
  bool last_ = false;             // nothing may be added to the gradients any more
  bool spoilt_ = false;           // the gradients hold a minibatch that failed or was not finite
};

}  // namespace aot
