#include "reference/reference_backend.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "backend/error.h"
#include "backend/memory.h"
#include "dist/buckets.h"
#include "dist/communicator.h"
#include "reference/reference_lane.h"

namespace aot {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

class ReferenceBackend final : public Backend {
 public:
  ReferenceBackend(const ParameterTable& table, BackendOptions options)
      : Backend(table), precision_(options.precision), lane_(table, blocks_) {
    require_memory(4.0 * sizeof(float) * static_cast<double>(table.block_size()),
                   "a model of " + std::to_string(table.element_count()) + " parameters with its optimizer");
    for (std::vector<float>* block : {&blocks_.weights, &blocks_.gradients, &blocks_.moment1, &blocks_.moment2}) {
      block->resize(static_cast<size_t>(table.block_size()));
    }
  }

  std::string description() const override {
    return std::string("reference: plain loops, one thread, ") + (precision_ == DType::fp32 ? "fp32" : "bf16");
  }
  DType precision() const override { return precision_; }

  void read(Block block, int64_t offset, int64_t count, float* host) override {
    std::copy_n(checked(block, offset, count), count, host);
  }
  void write(Block block, int64_t offset, int64_t count, const float* host) override {
    std::copy_n(host, count, checked(block, offset, count));
  }

  void weights_changed() override {
    if (precision_ == DType::fp32) return;
    blocks_.matmul_weights = blocks_.weights;
    for (float& weight : blocks_.matmul_weights) weight = from_bf16(to_bf16(weight));
  }

  int slice_batch(int) const override { return 1; }

  void reserve(size_t workspace) override {
    if (workspace <= workspace_bytes_) return;
    require_memory(static_cast<double>(workspace), "the activations of this batch");
    workspace_.reset();
    workspace_bytes_ = 0;
    workspace_.reset(std::aligned_alloc(256, (workspace + 255) / 256 * 256));
    if (!workspace_) throw std::bad_alloc();
    workspace_bytes_ = workspace;
  }

  Ticket run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets, float* losses,
             const std::function<void(Lane&, const Slice&)>& body) override {
    for (int sequence = 0; sequence < batch; sequence++) {
      const int64_t at = static_cast<int64_t>(sequence) * window;
      Slice slice;
      slice.first = sequence;
      slice.batch = 1;
      slice.window = window;
      slice.batch_tokens = pass.batch_tokens > 0 ? pass.batch_tokens : static_cast<int64_t>(batch) * window;
      slice.inputs = inputs + at;
      slice.targets = targets ? targets + at : nullptr;
      slice.losses = losses && pass.want_losses ? losses + at : nullptr;
      lane_.begin(pass, workspace_.get(), workspace_bytes_);
      body(lane_, slice);
    }
    if (pass.reduce && communicator_) reduce_gradients();
    return 0;
  }

  void zero_gradients() override { std::fill(blocks_.gradients.begin(), blocks_.gradients.end(), 0.0f); }

  void fold_gradients() override {}  // there is but one lane

  Ticket optimizer_step(const AdamW& adamw, double* found) override {
    double squares = 0;
    for (float gradient : blocks_.gradients) squares += static_cast<double>(gradient) * gradient;
    const double norm = std::sqrt(squares);
    failed_ |= !std::isfinite(norm);
    *found = failed_ && std::isfinite(norm) ? std::numeric_limits<double>::quiet_NaN() : norm;
    if (!failed_) update(adamw, norm);
    zero_gradients();
    return 0;
  }
  void resume() override { failed_ = false; }

  std::string numerics() const override { return description(); }
  void join(Communicator& communicator, const Buckets& buckets) override {
    communicator_ = &communicator;
    buckets_ = &buckets;
  }
  void reduce_gradients() override {
    for (int turn = 0; turn < buckets_->count(); turn++) {
      const auto [begin, end] = (*buckets_)[turn];
      communicator_->all_reduce(blocks_.gradients.data() + begin, end - begin, nullptr);
    }
  }

 private:
  void update(const AdamW& adamw, double norm) {
    const double clip = adamw.clip > 0 ? std::min(1.0, adamw.clip / (norm + 1e-6)) : 1;
    const double correction1 = 1 - std::pow(adamw.beta1, static_cast<double>(adamw.step));
    const double correction2 = 1 - std::pow(adamw.beta2, static_cast<double>(adamw.step));
    for (size_t i = 0; i < blocks_.weights.size(); i++) {
      const double gradient = blocks_.gradients[i] * clip;
      const double moment1 = adamw.beta1 * blocks_.moment1[i] + (1 - adamw.beta1) * gradient;
      const double moment2 = adamw.beta2 * blocks_.moment2[i] + (1 - adamw.beta2) * gradient * gradient;
      const double step = moment1 / correction1 / (std::sqrt(moment2 / correction2) + adamw.epsilon);
      blocks_.moment1[i] = static_cast<float>(moment1);
      blocks_.moment2[i] = static_cast<float>(moment2);
      blocks_.weights[i] =
          static_cast<float>(blocks_.weights[i] * (1 - adamw.lr * adamw.weight_decay) - adamw.lr * step);
    }
    weights_changed();
  }

  float* checked(Block block, int64_t offset, int64_t count) {
    std::vector<float>& values = block == Block::weights     ? blocks_.weights
                                 : block == Block::gradients ? blocks_.gradients
                                 : block == Block::moment1   ? blocks_.moment1
                                                             : blocks_.moment2;
    if (offset < 0 || count < 0 || offset > static_cast<int64_t>(values.size()) - count) {
      fail(ErrorCode::internal, "a copy outside of a parameter block: report this");
    }
    return values.data() + offset;
  }

  DType precision_;
  ReferenceBlocks blocks_;
  ReferenceLane lane_;
  std::unique_ptr<void, Free> workspace_;
  size_t workspace_bytes_ = 0;
  bool failed_ = false;  // a norm was not finite
  Communicator* communicator_ = nullptr;
  const Buckets* buckets_ = nullptr;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend(const ParameterTable& table, BackendOptions options) {
  return std::make_unique<ReferenceBackend>(table, options);
}

}  // namespace aot
