#include "backend/op_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <random>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

using Role = OpRole;
using Inputs = std::vector<std::vector<float>>;
using Outputs = std::map<std::string, std::vector<float>>;

constexpr int least_repeats = 5, most_repeats = 300, warm_up = 2;
constexpr size_t made_values = 1 << 20;  // of an input for timing; further ones repeat them

size_t size_of(const OpTensor& tensor, const OpShape& shape) {
  return static_cast<size_t>(shape.evaluate(tensor.rows) * shape.evaluate(tensor.cols));
}

void check_shape(const Op& op, const OpShape& shape) {
  for (int64_t size : {shape.batch, shape.window, shape.width, shape.out, shape.heads, shape.vocabulary}) {
    if (size < 1 || size > 1 << 20) fail(ErrorCode::config, op.name + ": sizes must be from 1 to 1048576");
  }
  if (shape.width % shape.heads) fail(ErrorCode::config, op.name + ": width must be a multiple of heads");
}

void check_inputs(const Op& op, const OpShape& shape, const Inputs& inputs) {
  if (inputs.size() != op.inputs.size()) {
    fail(ErrorCode::config, op.name + " takes " + std::to_string(op.inputs.size()) + " inputs");
  }
  for (size_t i = 0; i < inputs.size(); i++) {
    const size_t size = size_of(op.inputs[i], shape);
    if (inputs[i].size() != size) {
      fail(ErrorCode::config, op.name + ": " + op.inputs[i].name + " must have " + std::to_string(size) + " elements");
    }
  }
}

std::vector<int32_t> to_tokens(const Op& op, const OpTensor& tensor, const std::vector<float>& values,
                               int64_t vocabulary) {
  std::vector<int32_t> tokens;
  for (float value : values) {
    if (!(value >= 0 && value < static_cast<float>(vocabulary))) {
      fail(ErrorCode::config, op.name + ": " + tensor.name + " must be token ids below " + std::to_string(vocabulary));
    }
    tokens.push_back(static_cast<int32_t>(value));
  }
  return tokens;
}

// Values that a model could have there: ids that exist, statistics of rows that are about normal, gates from 0 to 1.
Inputs make_inputs(const Op& op, const OpShape& shape) {
  std::minstd_rand random(1);
  std::uniform_real_distribution<float> uniform(0, 1);
  Inputs inputs;
  for (const OpTensor& tensor : op.inputs) {
    std::vector<float>& values = inputs.emplace_back(size_of(tensor, shape));
    const std::string name = tensor.name;
    const float width = std::sqrt(static_cast<float>(shape.evaluate(tensor.cols)));
    for (size_t i = 0; i < values.size(); i++) {
      if (i >= made_values) {
        values[i] = values[i - made_values];
        continue;
      }
      const float u = uniform(random);
      if (is_tokens(tensor.role)) {
        values[i] = static_cast<float>(
            static_cast<int64_t>(static_cast<double>(u) * 0.999999 * static_cast<double>(shape.vocabulary)));
      } else if (name == "stats") {
        values[i] = static_cast<float>(i % 2);  // mean 0, deviation 1
      } else if (name == "lse") {
        values[i] = std::log(static_cast<float>(static_cast<int64_t>(i) % shape.window + 1));
      } else if (name == "gates") {
        values[i] = u;
      } else {
        values[i] = (2 * u - 1) / (tensor.role == Role::weight ? width : 1);
      }
    }
  }
  return inputs;
}

ParameterTable parameters_of(const Op& op, const OpShape& shape) {
  ParameterTable table;
  if (!op.run) {
    table.add("weights", {shape.evaluate("n"), shape.width}, {});
    return table;
  }
  for (const OpTensor& tensor : op.inputs) {
    if (!is_parameter(tensor.role)) continue;
    // As the models do it: lm_head's rows are padded in the blocks.
    table.add(tensor.name, {shape.evaluate(tensor.rows), shape.evaluate(tensor.cols)}, {}, tensor.role == Role::weight,
              *tensor.rows == 'V' ? 128 : 1);
  }
  return table;
}

constexpr std::pair<const char*, Block> blocks[] = {{"weights", Block::weights},
                                                    {"gradients", Block::gradients},
                                                    {"moment1", Block::moment1},
                                                    {"moment2", Block::moment2}};

// A backend with the op's parameters, its inputs, and the memory that its tensors need.
class OpRunner {
 public:
  OpRunner(const Op& op, const std::string& device, BackendOptions backend_options, const OpShape& shape,
           const Inputs& inputs, const OpOptions& options)
      : op_(op),
        shape_(shape),
        inputs_(inputs),
        options_(options),
        precision_(backend_options.precision),
        table_(parameters_of(op, shape)),
        backend_(make_backend(device, table_, backend_options)) {
    for (size_t i = 0; i < inputs.size(); i++) {
      const OpTensor& tensor = op.inputs[i];
      if (!op.run) {
        backend_->write(blocks[i].second, 0, static_cast<int64_t>(inputs[i].size()), inputs[i].data());
      } else if (is_parameter(tensor.role)) {
        backend_->write(Block::weights, table_[table_.find(tensor.name)].offset, static_cast<int64_t>(inputs[i].size()),
                        inputs[i].data());
      } else if (is_tokens(tensor.role)) {
        (tensor.role == Role::inputs ? tokens_ : targets_) = to_tokens(op, tensor, inputs[i], shape.vocabulary);
      }
    }
    backend_->weights_changed();
    if (!op.run) return;
    for (const OpTensor& tensor : op.outputs) {
      if (tensor.role == Role::host || tensor.role == Role::losses)
        outputs_[tensor.name].resize(size_of(tensor, shape));
    }
    Arena measure;
    take_tensors(measure, backend_->slice_batch(static_cast<int>(shape.batch)));
    backend_->reserve(measure.peak());
  }

  Outputs run() {
    if (!op_.run) {
      double norm = 0;
      backend_->wait(backend_->optimizer_step(options_.adamw, &norm));
      outputs_["norm"] = {static_cast<float>(norm)};
      for (const auto& [name, block] : blocks) read(name, block, 0, size_of(op_.inputs[0], shape_));
      return std::move(outputs_);
    }
    for (const OpTensor& tensor : op_.outputs) outputs_[tensor.name].resize(size_of(tensor, shape_));
    pass([&](Lane& lane, const Slice& slice) {
      const OpArguments arguments = prepare(lane, slice);
      upload(lane, slice, arguments, false);
      op_.run(lane, slice, arguments);
      for (const OpTensor& tensor : op_.outputs) {
        if (!is_tensor(tensor.role)) continue;
        lane.download(arguments.tensors.at(tensor.name), outputs_.at(tensor.name).data() + offset(tensor, slice.first));
      }
    });
    for (const OpTensor& tensor : op_.outputs) {
      if (is_parameter(tensor.role)) {
        read(tensor.name, Block::gradients, table_[table_.find(tensor.name)].offset, size_of(tensor, shape_));
      }
    }
    return std::move(outputs_);
  }

  std::vector<double> time(int repeats) { return op_.run ? time_lanes(repeats) : time_optimizer(repeats); }
  std::string description() const { return backend_->description(); }

 private:
  void read(const std::string& name, Block block, int64_t at, size_t size) {
    std::vector<float>& values = outputs_[name];
    values.resize(size);
    backend_->read(block, at, static_cast<int64_t>(size), values.data());
  }

  // The tensors in a lane's memory, each once: one that is input and output is updated in place.
  std::map<std::string, Tensor> take_tensors(Arena& arena, int64_t sequences) const {
    std::map<std::string, Tensor> tensors;
    for (const std::vector<OpTensor>* list : {&op_.inputs, &op_.outputs}) {
      for (const OpTensor& tensor : *list) {
        if (!is_tensor(tensor.role) || tensors.contains(tensor.name)) continue;
        tensors[tensor.name] =
            arena.take(shape_.evaluate(tensor.rows) / shape_.batch * sequences, shape_.evaluate(tensor.cols),
                       tensor.role == Role::activation ? precision_ : DType::fp32);
      }
    }
    return tensors;
  }

  // Of a sequence's first element in a tensor of the whole batch.
  int64_t offset(const OpTensor& tensor, int sequence) const {
    return shape_.evaluate(tensor.rows) / shape_.batch * sequence * shape_.evaluate(tensor.cols);
  }

  OpArguments prepare(Lane& lane, const Slice& slice) {
    OpArguments arguments;
    arguments.tensors = take_tensors(lane.arena(), slice.batch);
    arguments.shape = shape_;
    arguments.options = &options_;
    for (ParameterId id = 0; id < table_.count(); id++) arguments.parameters[table_[id].name] = id;
    for (const OpTensor& tensor : op_.outputs) {
      if (tensor.role != Role::host) continue;
      arguments.host[tensor.name] = outputs_.at(tensor.name).data() + offset(tensor, slice.first);
    }
    return arguments;
  }

  // The slice's inputs; `changed`: those alone that the op changes in place.
  void upload(Lane& lane, const Slice& slice, const OpArguments& arguments, bool changed) const {
    for (size_t i = 0; i < op_.inputs.size(); i++) {
      const OpTensor& tensor = op_.inputs[i];
      const auto is_same = [&](const OpTensor& output) { return std::string(output.name) == tensor.name; };
      if (!is_tensor(tensor.role) || (changed && std::none_of(op_.outputs.begin(), op_.outputs.end(), is_same))) {
        continue;
      }
      lane.upload(inputs_[i].data() + offset(tensor, slice.first), arguments.tensors.at(tensor.name));
    }
  }

  void pass(const std::function<void(Lane&, const Slice&)>& body) {
    Pass pass;
    pass.training = options_.rate > 0;
    pass.seed = options_.seed;
    pass.minibatch = options_.minibatch;
    pass.first_row = options_.first_row;
    pass.loss_scale = options_.loss_scale;
    const auto losses = std::find_if(op_.outputs.begin(), op_.outputs.end(),
                                     [](const OpTensor& tensor) { return tensor.role == Role::losses; });
    backend_->wait(backend_->run(pass, static_cast<int>(shape_.batch), static_cast<int>(shape_.window),
                                 tokens_.empty() ? nullptr : tokens_.data(),
                                 targets_.empty() ? nullptr : targets_.data(),
                                 losses == op_.outputs.end() ? nullptr : outputs_.at(losses->name).data(), body));
  }

  // For each repeat, the time of the lane that took the longest for all its slices.
  std::vector<double> time_lanes(int repeats) {
    struct Repeat {
      Lane* lane;
      int number, from, to;
    };
    std::vector<Repeat> done;
    std::mutex mutex;
    pass([&](Lane& lane, const Slice& slice) {
      OpOptions options = options_;
      OpArguments arguments = prepare(lane, slice);
      arguments.options = &options;
      upload(lane, slice, arguments, false);
      std::vector<Repeat> mine;
      // A forward pass makes its dropout masks, a backward pass finds them made where they are kept.
      const bool makes_masks = op_.name.find("backward") == std::string::npos;
      for (int i = -warm_up; i < repeats; i++) {
        if (makes_masks) options.site++;
        upload(lane, slice, arguments, true);
        lane.flush_cache();
        const int from = lane.stamp();
        op_.run(lane, slice, arguments);
        const int to = lane.stamp();
        if (i >= 0) mine.push_back({&lane, i, from, to});
      }
      std::lock_guard lock(mutex);
      done.insert(done.end(), mine.begin(), mine.end());
    });
    std::map<Lane*, std::vector<double>> seconds;
    for (const Repeat& repeat : done) {
      std::vector<double>& of_lane = seconds[repeat.lane];
      of_lane.resize(static_cast<size_t>(repeats));
      of_lane[static_cast<size_t>(repeat.number)] += repeat.lane->seconds_between(repeat.from, repeat.to);
    }
    std::vector<double> longest(static_cast<size_t>(repeats));
    for (const auto& [lane, of_lane] : seconds) {
      for (size_t i = 0; i < of_lane.size(); i++) longest[i] = std::max(longest[i], of_lane[i]);
    }
    return longest;
  }

  std::vector<double> time_optimizer(int repeats) {
    std::vector<double> seconds, norms(static_cast<size_t>(repeats + warm_up));
    if (!backend_->works_ahead()) {
      for (double& norm : norms) {
        const auto started = std::chrono::steady_clock::now();
        backend_->optimizer_step(options_.adamw, &norm);
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
      }
    } else {
      // Between the moments of its lane, so that the device's own clock is read.
      Lane* timed = nullptr;
      std::vector<Ticket> tickets;
      backend_->run({}, 1, 1, nullptr, nullptr, nullptr, [&](Lane& lane, const Slice&) {
        timed = &lane;
        for (double& norm : norms) {
          lane.flush_cache();
          lane.stamp();
          tickets.push_back(backend_->optimizer_step(options_.adamw, &norm));
          lane.stamp();
        }
      });
      for (Ticket ticket : tickets) backend_->wait(ticket);
      for (int i = 0; i < repeats + warm_up; i++) seconds.push_back(timed->seconds_between(2 * i, 2 * i + 1));
    }
    seconds.erase(seconds.begin(), seconds.begin() + warm_up);
    return seconds;
  }

  const Op& op_;
  const OpShape shape_;
  const Inputs& inputs_;
  const OpOptions& options_;
  const DType precision_;
  const ParameterTable table_;
  const std::unique_ptr<Backend> backend_;
  std::vector<int32_t> tokens_, targets_;
  Outputs outputs_;
};

}  // namespace

Outputs run_op(const Op& op, const std::string& device, BackendOptions backend_options, const OpShape& shape,
               const Inputs& inputs, const OpOptions& options) {
  check_shape(op, shape);
  check_inputs(op, shape, inputs);
  return OpRunner(op, device, backend_options, shape, inputs, options).run();
}

OpTimes time_op(const Op& op, const std::string& device, BackendOptions backend_options, const OpShape& shape,
                const OpOptions& options, double budget) {
  check_shape(op, shape);
  const Inputs inputs = make_inputs(op, shape);
  OpRunner runner(op, device, backend_options, shape, inputs, options);
  // What a repeat costs with all that is done for it, by two of them.
  const auto started = std::chrono::steady_clock::now();
  runner.time(2);
  const std::chrono::duration<double> pilot = std::chrono::steady_clock::now() - started;
  const double wanted = budget * (2 + warm_up) / std::max(pilot.count(), 1e-9);
  return {runner.time(static_cast<int>(std::clamp(wanted, double{least_repeats}, double{most_repeats}))),
          runner.description()};
}

}  // namespace aot
