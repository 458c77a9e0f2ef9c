#include "train/memory_plan.h"

#include <algorithm>
#include <memory>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "backend/memory.h"
#include "backend/thread_pool.h"
#include "cpu/cpu_backend.h"

namespace aot {
namespace {

// Node with the addon, and what a run keeps beside the engine.
constexpr int64_t process_bytes = 110 << 20;

int64_t value_of(const Model& model, const char* key) {
  const auto found = model.params().find(key);
  return found == model.params().end() ? 0 : static_cast<int64_t>(found->second.value_or(0));
}

// The bits of the dropout masks of a slice, which a cpu's lane keeps from the forward pass to the backward pass.
int64_t mask_bytes(const Model& model, int64_t batch, int64_t window) {
  const int64_t layers = value_of(model, "n_layers"), heads = value_of(model, "n_heads");
  const int64_t elements = batch * window * value_of(model, "embed_dim") * (heads > 0 ? 2 * layers + 1 : layers);
  return (elements + layers * batch * heads * window * window) / 8;
}

// What the kernels of a lane pack or make anew, at the widest of their products.
int64_t scratch_bytes(const Model& model, int64_t rows, DType precision) {
  const auto element = static_cast<int64_t>(size_of(precision));
  int64_t widest = 0;
  for (const Parameter& parameter : model.table()) {
    if (parameter.matmul_weight && parameter.rows < model.vocab_size()) {
      widest = std::max({widest, parameter.rows, parameter.cols});
    }
  }
  const int64_t block = std::min<int64_t>(rows, 512);  // of the rows whose logits exist at a time
  return 2 * rows * widest * element + block * model.vocab_size() * element;
}

int64_t host_engine(const EngineOptions& options, const Model& model, int batch, int valid_batch) {
  const bool parallel = options.device == "cpu";
  const int threads = !parallel ? 1 : options.threads > 0 ? options.threads : available_cores();
  const int64_t block = model.table().block_size() * static_cast<int64_t>(sizeof(float));
  int64_t packed = 0;
  for (const Parameter& parameter : model.table()) {
    if (parallel && parameter.matmul_weight) {
      packed += 2 * parameter.size() * static_cast<int64_t>(size_of(options.precision));
    }
  }
  const int window = model.attn_length();
  const auto slice = [&](int sequences) {
    return parallel ? cpu::slice_batch(sequences, threads, model.slice_sequences()) : sequences;
  };
  const int most = slice(batch);
  const int lanes = std::min(threads, (batch + most - 1) / most);  // that get a slice
  const auto workspace = static_cast<int64_t>(std::max(model.workspace(Model::Use::loss_backward, most, window),
                                                       model.workspace(Model::Use::loss, slice(valid_batch), window)));
  int64_t lane = workspace;
  if (parallel) {
    lane +=
        mask_bytes(model, most, window) + scratch_bytes(model, static_cast<int64_t>(most) * window, options.precision);
  }
  // What the allocator and huge pages add, and what is passed from host to engine.
  constexpr int64_t rest = 8 << 20;
  return (3 + lanes) * block + packed + lanes * lane + rest;
}

}  // namespace

MemoryPlan plan_memory(const EngineOptions& options, int batch, int valid_batch) {
  const std::unique_ptr<Model> model = make_model(options.model, options.params, options.precision);
  const int window = model->attn_length();
  if (options.device == "cpu" || options.device == "reference") {
    return {host_engine(options, *model, batch, valid_batch), process_bytes};
  }
  const size_t workspace = std::max(model->workspace(Model::Use::loss_backward, batch, window),
                                    model->workspace(Model::Use::loss, valid_batch, window));
  const int64_t tokens = static_cast<int64_t>(std::max(batch, valid_batch)) * window;
  return plan_gpu_memory(options.device, model->table(), options.precision, tokens, workspace);
}

int64_t free_memory(const std::string& device) {
  if (device == "cpu" || device == "reference") return available_memory();
  return free_gpu_memory(device);
}

}  // namespace aot
