#include "train/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include "backend/error.h"
#include "backend/memory.h"
#include "backend/op_table.h"

namespace aot {

namespace {

std::vector<std::string> split(const std::string& devices) {
  std::vector<std::string> names;
  std::istringstream text(devices);
  for (std::string name; std::getline(text, name, ',');) names.push_back(name);
  return names;
}

}  // namespace

Engine::Engine(const EngineOptions& options, std::shared_ptr<World> world)
    : options_(options), world_(world ? std::move(world) : world_of_one()) {
  model_ = make_model(options.model, options.params, options.precision);
  options_.params = model_->params();
  BackendOptions backend;
  backend.precision = options.precision;
  backend.threads = options.threads;
  backend.slice_sequences = model_->slice_sequences();
  const std::vector<std::string> devices = split(options.device);
  if (devices.size() > 1 || world_->size() > 1) {
    backend_ =
        std::make_unique<Replicas>(devices, table(), model_->gradient_order(), backend, options.replicas, world_);
  } else {
    backend_ = make_backend(options.device, table(), backend);
  }
}

std::unique_ptr<Engine> Engine::create(const EngineOptions& options, std::shared_ptr<World> world) {
  std::unique_ptr<Engine> engine(new Engine(options, std::move(world)));
  if (options.weights.empty()) {
    constexpr int64_t piece = int64_t{1} << 20;  // small beside the model
    for (ParameterId id = 0; id < engine->table().count(); id++) {
      const Parameter& parameter = engine->table()[id];
      for (int64_t first = 0; first < parameter.size(); first += piece) {
        const std::vector<float> values =
            initial_values(engine->table(), id, options.seed, first, std::min(piece, parameter.size() - first));
        engine->backend_->write(Block::weights, parameter.offset + first, static_cast<int64_t>(values.size()),
                                values.data());
      }
    }
    engine->backend_->weights_changed();
  } else {
    engine->read_weights(SafetensorsReader(options.weights));
  }
  return engine;
}

int Engine::check_batch(std::span<const int32_t> inputs, int64_t batch) const {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (batch < 1 || batch > most) fail(ErrorCode::config, "batch must be a whole number from 1 on");
  const auto count = static_cast<int64_t>(inputs.size());
  if (count == 0 || count % batch != 0) {
    fail(ErrorCode::data, "inputs holds " + std::to_string(count) +
                              " ids, which is no whole number of tokens for each of " + std::to_string(batch) +
                              " sequences");
  }
  const int64_t window = count / batch;
  if (window > model_->attn_length()) {
    fail(ErrorCode::data, "inputs holds windows of " + std::to_string(window) + " tokens: the model's attn_length is " +
                              std::to_string(model_->attn_length()));
  }
  check_ids(inputs, "inputs");
  return static_cast<int>(window);
}

void Engine::check_ids(std::span<const int32_t> ids, const char* what) const {
  for (size_t i = 0; i < ids.size(); i++) {
    if (ids[i] < 0 || ids[i] >= vocab_size()) {
      fail(ErrorCode::data, std::string(what) + "[" + std::to_string(i) + "] is the id " + std::to_string(ids[i]) +
                                ": the model's vocab_size is " + std::to_string(vocab_size()));
    }
  }
}

void Engine::check_targets(std::span<const int32_t> inputs, std::span<const int32_t> targets) const {
  if (targets.size() != inputs.size()) {
    fail(ErrorCode::data, "targets holds " + std::to_string(targets.size()) + " ids and inputs " +
                              std::to_string(inputs.size()) + ": they must be as many");
  }
  check_ids(targets, "targets");
}

void Engine::reserve(Backend& backend, Model::Use use, int batch, int window) {
  decoded_.clear();
  const size_t bytes = model_->workspace(use, backend.slice_batch(batch), window);
  backend.reserve(bytes);
  reserved_ = std::max(reserved_, bytes);
}

void Engine::forward(std::span<const int32_t> inputs, int64_t batch, std::span<float> logits) {
  const int window = check_batch(inputs, batch);
  const size_t row = static_cast<size_t>(window) * static_cast<size_t>(vocab_size());
  if (logits.size() != row * static_cast<size_t>(batch)) {
    fail(ErrorCode::config,
         "logits must have room for " + std::to_string(row * static_cast<size_t>(batch)) + " numbers");
  }
  // The caller's array is new: its memory is taken up as it is written.
  require_memory(static_cast<double>(logits.size_bytes()), "the logits of this batch");
  Backend& alone = backend_->alone();
  reserve(alone, Model::Use::logits, static_cast<int>(batch), window);
  alone.run({}, static_cast<int>(batch), window, inputs.data(), nullptr, nullptr, [&](Lane& lane, const Slice& slice) {
    model_->logits(lane, slice, logits.data() + row * static_cast<size_t>(slice.first));
  });
}

std::vector<float> Engine::evaluate(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch) {
  const int window = check_batch(inputs, batch);
  check_targets(inputs, targets);
  reserve(*backend_, Model::Use::loss, static_cast<int>(batch), window);
  std::vector<float> losses(inputs.size());
  Pass pass;
  pass.graph = "loss";
  backend_->wait(backend_->run(pass, static_cast<int>(batch), window, inputs.data(), targets.data(), losses.data(),
                               [&](Lane& lane, const Slice& slice) { model_->loss(lane, slice); }));
  return losses;
}

Engine::Pending Engine::accumulate(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch,
                                   double scale, bool last) {
  const int window = check_batch(inputs, batch);
  check_targets(inputs, targets);
  if (!std::isfinite(static_cast<float>(scale))) fail(ErrorCode::config, "scale must be a finite number");
  if (last_)
    fail(ErrorCode::config, "the minibatch before was the last of its optimizer step: call optimizerStep first");
  reserve(*backend_, Model::Use::loss_backward, static_cast<int>(batch), window);
  if (pending_ > 0) backend_->fold_gradients();

  Pass pass;
  pass.training = true;
  pass.seed = options_.seed;
  pass.minibatch = minibatch_;
  pass.loss_scale = static_cast<float>(scale);
  pass.graph = profiler_ ? nullptr : "loss and gradients";
  pass.reduce = last;
  const auto losses = std::make_shared<std::vector<float>>(inputs.size());
  const bool spoilt_before = spoilt_;
  spoilt_ = true;  // until it has gone through
  const Ticket ticket = backend_->run(
      pass, static_cast<int>(batch), window, inputs.data(), targets.data(), losses->data(),
      [&](Lane& lane, const Slice& slice) { model_->loss_backward(profiler_ ? profiler_->wrap(lane) : lane, slice); });
  spoilt_ = spoilt_before;
  last_ = last;
  minibatch_++;
  pending_++;
  return [this, losses, ticket, number = pass.minibatch, step = steps_issued_] {
    backend_->wait(ticket);
    double sum = 0;
    for (float loss : *losses) sum += loss;
    const double loss = sum / static_cast<double>(losses->size());
    if (!std::isfinite(loss)) {
      if (step == steps_issued_) spoilt_ = true;  // an optimizer step since then has cleared the gradients
      fail(ErrorCode::numeric, "the loss of minibatch " + std::to_string(number) +
                                   " is not a finite number: resume from a checkpoint with a smaller lr");
    }
    return loss;
  };
}

Engine::Pending Engine::optimizer_step(double lr, double clip) {
  if (!(lr >= 0 && std::isfinite(lr))) fail(ErrorCode::config, "lr must be a finite number from 0 on");
  if (!std::isfinite(clip)) fail(ErrorCode::config, "clip must be a finite number (0 or less: no clipping)");
  AdamW adamw;
  adamw.lr = lr;
  adamw.clip = clip;
  adamw.step = optimizer_steps_ + 1;
  decoded_.clear();
  const auto norm = std::make_shared<double>(std::numeric_limits<double>::quiet_NaN());
  Ticket ticket = 0;
  if (spoilt_) {
    backend_->zero_gradients();
  } else {
    ticket = backend_->optimizer_step(adamw, norm.get());
  }
  spoilt_ = last_ = false;
  pending_ = 0;
  steps_issued_++;
  optimizer_steps_++;
  return [this, norm, ticket, number = adamw.step] {
    backend_->wait(ticket);
    if (!std::isfinite(*norm)) {
      optimizer_steps_--;
      backend_->resume();
      fail(ErrorCode::numeric,
           "the gradient at optimizer step " + std::to_string(number) +
               " is not finite: the weights are as before; resume from a checkpoint with a smaller lr");
    }
    return *norm;
  };
}

Profile Engine::profile(std::span<const int32_t> inputs, std::span<const int32_t> targets, int64_t batch) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Profiler profiler(table(), options_.precision);
  const auto started = Clock::now();
  profiler_ = &profiler;
  Pending loss;
  try {
    loss = accumulate(inputs, targets, batch, 1, true);
  } catch (...) {
    profiler_ = nullptr;
    throw;
  }
  profiler_ = nullptr;
  loss();
  Profile profile;
  profile.lanes = backend_->lanes();
  profile.ops = profiler.shares();
  const auto step_started = Clock::now();
  optimizer_step(0, 1)();
  const Op& adamw = find_op("adamw");
  const OpShape shape{1, 1, table().block_size()};
  profile.ops[adamw.name] = {1, seconds_since(step_started) * profile.lanes, adamw.flops(shape),
                             adamw.bytes(shape, options_.precision)};
  profile.seconds = seconds_since(started);
  return profile;
}

std::vector<float> Engine::read(Block block, ParameterId id) {
  const Parameter& parameter = table()[id];
  std::vector<float> values(static_cast<size_t>(parameter.size()));
  backend_->read(block, parameter.offset, parameter.size(), values.data());
  return values;
}

void Engine::write(Block block, ParameterId id, std::span<const float> values) {
  backend_->write(block, table()[id].offset, static_cast<int64_t>(values.size()), values.data());
}

}  // namespace aot
