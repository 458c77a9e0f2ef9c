#include "backend/op_table.h"

#include <cmath>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

using Role = OpRole;

Tensor get(const OpArguments& arguments, const char* name) { return arguments.tensors.at(name); }
ParameterId id(const OpArguments& arguments, const char* name) { return arguments.parameters.at(name); }

std::vector<Op> make_table() {
  return {
      {"embedding_forward",
       {{"inputs", Role::inputs, "B", "T"}, {"token", Role::vector, "V", "C"}, {"position", Role::vector, "T", "C"}},
       {{"x", Role::fp32, "n", "C"}},
       "1",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.embedding_forward(slice, id(a, "token"), id(a, "position"), 0, a.dropout(), get(a, "x"));
       }},
      {"token_embedding_forward",
       {{"inputs", Role::inputs, "B", "T"}, {"token", Role::vector, "V", "C"}},
       {{"x", Role::activation, "n", "C"}},
       "1",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.embedding_forward(slice, id(a, "token"), no_parameter, 0, a.dropout(), get(a, "x"));
       }},
      {"token_embedding_backward",
       {{"inputs", Role::inputs, "B", "T"}, {"token", Role::vector, "V", "C"}, {"dx", Role::fp32, "n", "C"}},
       {{"token", Role::vector, "V", "C"}},
       "n",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.embedding_backward(slice, id(a, "token"), no_parameter, a.dropout(), get(a, "dx"));
       }},
      {"embedding_backward",
       {{"inputs", Role::inputs, "B", "T"},
        {"token", Role::vector, "V", "C"},
        {"position", Role::vector, "T", "C"},
        {"dx", Role::fp32, "n", "C"}},
       {{"token", Role::vector, "V", "C"}, {"position", Role::vector, "T", "C"}},
       "n",
       false,
       "2nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.embedding_backward(slice, id(a, "token"), id(a, "position"), a.dropout(), get(a, "dx"));
       }},
      {"layernorm_forward",
       {{"x", Role::fp32, "n", "C"}, {"weight", Role::vector, "1", "C"}, {"bias", Role::vector, "1", "C"}},
       {{"y", Role::activation, "n", "C"}, {"stats", Role::fp32, "n", "2"}},
       "C",
       false,
       "4nC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.layernorm_forward(get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "y"), get(a, "stats"));
       }},
      {"layernorm_backward",
       {{"x", Role::fp32, "n", "C"},
        {"weight", Role::vector, "1", "C"},
        {"bias", Role::vector, "1", "C"},
        {"stats", Role::fp32, "n", "2"},
        {"dy", Role::fp32, "n", "C"},
        {"dx", Role::fp32, "n", "C"}},
       {{"dx", Role::fp32, "n", "C"}, {"weight", Role::vector, "1", "C"}, {"bias", Role::vector, "1", "C"}},
       "nC",
       false,
       "8nC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.layernorm_backward(get(a, "x"), get(a, "stats"), id(a, "weight"), id(a, "bias"), get(a, "dy"),
                                 get(a, "dx"), a.options->accumulate);
       }},
      {"linear_forward",
       {{"x", Role::activation, "n", "C"}, {"weight", Role::weight, "O", "C"}, {"bias", Role::vector, "1", "O"}},
       {{"y", Role::activation, "n", "O"}, {"y_fp32", Role::fp32, "n", "O"}},
       "C",
       false,
       "nOC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.linear_forward(get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "y"));
         lane.linear_forward(get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "y_fp32"));
       }},
      {"linear_residual_forward",
       {{"x", Role::activation, "n", "C"},
        {"weight", Role::weight, "O", "C"},
        {"bias", Role::vector, "1", "O"},
        {"residual", Role::fp32, "n", "O"}},
       {{"out", Role::fp32, "n", "O"}},
       "C",
       false,
       "nOC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.linear_residual_forward(slice, get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "residual"),
                                      a.dropout(), get(a, "out"));
       }},
      {"linear_residual_layernorm_forward",
       {{"x", Role::activation, "n", "C"},
        {"weight", Role::weight, "O", "C"},
        {"bias", Role::vector, "1", "O"},
        {"residual", Role::fp32, "n", "O"},
        {"norm_weight", Role::vector, "1", "O"},
        {"norm_bias", Role::vector, "1", "O"}},
       {{"out", Role::fp32, "n", "O"}, {"y", Role::activation, "n", "O"}, {"stats", Role::fp32, "n", "2"}},
       "CO",
       false,
       "nOC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.linear_residual_layernorm_forward(slice, get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "residual"),
                                                a.dropout(), get(a, "out"), id(a, "norm_weight"), id(a, "norm_bias"),
                                                get(a, "y"), get(a, "stats"));
       }},
      {"linear_gelu_forward",
       {{"x", Role::activation, "n", "C"}, {"weight", Role::weight, "O", "C"}, {"bias", Role::vector, "1", "O"}},
       {{"y", Role::activation, "n", "O"}, {"derivative", Role::activation, "n", "O"}},
       "C",
       false,
       "nOC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.linear_gelu_forward(get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "y"), get(a, "derivative"));
       }},
      {"dropout_forward",
       {{"x", Role::activation, "n", "C"}, {"x_fp32", Role::fp32, "n", "C"}},
       {{"y", Role::activation, "n", "C"}, {"x_fp32", Role::fp32, "n", "C"}},
       "1",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.dropout_forward(slice, get(a, "x"), a.dropout(), get(a, "y"));
         lane.dropout_forward(slice, get(a, "x_fp32"), a.dropout(), get(a, "x_fp32"));
       }},
      {"dropout_backward",
       {{"bias", Role::vector, "1", "C"}, {"dout", Role::fp32, "n", "C"}},
       {{"dy", Role::activation, "n", "C"}, {"bias", Role::vector, "1", "C"}},
       "n",
       true,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.dropout_backward(slice, get(a, "dout"), a.dropout(), id(a, "bias"), get(a, "dy"));
       }},
      {"linear_backward_input",
       {{"dy", Role::activation, "n", "O"}, {"weight", Role::weight, "O", "C"}},
       {{"dx", Role::activation, "n", "C"}, {"dx_fp32", Role::fp32, "n", "C"}},
       "O",
       false,
       "nOC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.linear_backward_input(get(a, "dy"), id(a, "weight"), get(a, "dx"));
         lane.linear_backward_input(get(a, "dy"), id(a, "weight"), get(a, "dx_fp32"));
       }},
      {"linear_gelu_backward_input",
       {{"dy", Role::activation, "n", "O"},
        {"weight", Role::weight, "O", "C"},
        {"derivative", Role::activation, "n", "C"},
        {"bias", Role::vector, "1", "C"}},
       {{"dh", Role::activation, "n", "C"}, {"bias", Role::vector, "1", "C"}},
       "nO",
       true,
       "nOC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.linear_gelu_backward_input(get(a, "dy"), id(a, "weight"), get(a, "derivative"), id(a, "bias"),
                                         get(a, "dh"));
       }},
      {"linear_backward_weight",
       {{"dy", Role::activation, "n", "O"},
        {"x", Role::activation, "n", "C"},
        {"weight", Role::weight, "O", "C"},
        {"bias", Role::vector, "1", "O"}},
       {{"weight", Role::weight, "O", "C"}, {"bias", Role::vector, "1", "O"}},
       "n",
       false,
       "nOC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.linear_backward_weight(get(a, "dy"), get(a, "x"), id(a, "weight"), id(a, "bias"));
       }},
      {"attention_forward",
       {{"qkv", Role::activation, "n", "3C"}},
       {{"out", Role::activation, "n", "C"}, {"lse", Role::fp32, "BH", "T"}},
       "TC",
       true,
       "nTC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.attention_forward(slice, get(a, "qkv"), static_cast<int>(a.shape.heads), a.dropout(), get(a, "out"),
                                get(a, "lse"));
       }},
      {"attention_backward",
       {{"qkv", Role::activation, "n", "3C"},
        {"out", Role::activation, "n", "C"},
        {"lse", Role::fp32, "BH", "T"},
        {"dout", Role::activation, "n", "C"}},
       {{"dqkv", Role::activation, "n", "3C"}},
       "TC",
       true,
       "3nTC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.attention_backward(slice, get(a, "qkv"), get(a, "out"), get(a, "lse"), static_cast<int>(a.shape.heads),
                                 a.dropout(), get(a, "dout"), get(a, "dqkv"));
       }},
      {"attention_decode",
       {{"qkv", Role::activation, "B", "3C"},
        {"keys", Role::activation, "n", "C"},
        {"values", Role::activation, "n", "C"}},
       {{"out", Role::activation, "B", "C"},
        {"keys", Role::activation, "n", "C"},
        {"values", Role::activation, "n", "C"}},
       "TC",
       true,
       "2nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         for (int b = 0; b < slice.batch; b++) {
           const auto rows = [&](const char* name, int64_t count) {
             Tensor tensor = get(a, name);
             tensor.data = static_cast<char*>(tensor.data) + b * count * tensor.cols * size_of(tensor.dtype);
             tensor.rows = count;
             return tensor;
           };
           lane.attention_decode(rows("qkv", 1), static_cast<int>(a.shape.heads), slice.window - 1,
                                 rows("keys", slice.window), rows("values", slice.window), rows("out", 1));
         }
       }},
      {"gru_forward",
       {{"weight_hh", Role::weight, "3C", "C"},
        {"bias_hh", Role::vector, "1", "3C"},
        {"state", Role::fp32, "B", "C"},
        {"gates", Role::activation, "n", "3C"}},
       {{"gates", Role::activation, "n", "3C"},
        {"candidate", Role::activation, "n", "C"},
        {"previous", Role::activation, "n", "C"},
        {"out", Role::activation, "n", "C"},
        {"state", Role::fp32, "B", "C"}},
       "TC",
       true,
       "3nCC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.gru_forward(slice, id(a, "weight_hh"), id(a, "bias_hh"), !a.options->accumulate, get(a, "state"),
                          get(a, "gates"), get(a, "candidate"), get(a, "previous"), get(a, "out"));
       }},
      {"gru_backward",
       {{"weight_hh", Role::weight, "3C", "C"},
        {"gates", Role::activation, "n", "3C"},
        {"candidate", Role::activation, "n", "C"},
        {"previous", Role::activation, "n", "C"},
        {"dout", Role::fp32, "n", "C"},
        {"dstate", Role::fp32, "B", "C"}},
       {{"gates", Role::activation, "n", "3C"}, {"dhidden", Role::activation, "n", "3C"}},
       "TC",
       true,
       "3nCC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.gru_backward(slice, id(a, "weight_hh"), get(a, "gates"), get(a, "candidate"), get(a, "previous"),
                           get(a, "dout"), get(a, "dstate"), get(a, "dhidden"));
       }},
      {"lstm_forward",
       {{"weight_hh", Role::weight, "4C", "C"},
        {"bias_hh", Role::vector, "1", "4C"},
        {"state", Role::fp32, "B", "2C"},
        {"gates", Role::activation, "n", "4C"}},
       {{"gates", Role::activation, "n", "4C"},
        {"cell", Role::fp32, "n", "C"},
        {"previous", Role::activation, "n", "C"},
        {"out", Role::fp32, "n", "C"},
        {"state", Role::fp32, "B", "2C"}},
       "TC",
       true,
       "4nCC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.lstm_forward(slice, id(a, "weight_hh"), id(a, "bias_hh"), !a.options->accumulate, get(a, "state"),
                           get(a, "gates"), get(a, "cell"), get(a, "previous"), get(a, "out"));
       }},
      {"lstm_backward",
       {{"weight_hh", Role::weight, "4C", "C"},
        {"gates", Role::activation, "n", "4C"},
        {"cell", Role::fp32, "n", "C"},
        {"dout", Role::fp32, "n", "C"},
        {"dstate", Role::fp32, "B", "2C"}},
       {{"gates", Role::activation, "n", "4C"}},
       "TC",
       true,
       "4nCC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.lstm_backward(slice, id(a, "weight_hh"), get(a, "gates"), get(a, "cell"), get(a, "dout"),
                            get(a, "dstate"));
       }},
      {"lm_head_loss",
       {{"y", Role::activation, "n", "C"}, {"weight", Role::weight, "V", "C"}, {"targets", Role::targets, "B", "T"}},
       {{"losses", Role::losses, "n", "1"}},
       "VC",
       false,
       "nVC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.lm_head_loss(slice, get(a, "y"), id(a, "weight"));
       }},
      {"lm_head_loss_backward",
       {{"y", Role::activation, "n", "C"}, {"weight", Role::weight, "V", "C"}, {"targets", Role::targets, "B", "T"}},
       {{"losses", Role::losses, "n", "1"}, {"dy", Role::fp32, "n", "C"}, {"weight", Role::weight, "V", "C"}},
       "VC",
       true,
       "3nVC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.lm_head_loss_backward(slice, get(a, "y"), id(a, "weight"), get(a, "dy"));
       }},
      {"lm_head_logits",
       {{"y", Role::activation, "n", "C"}, {"weight", Role::weight, "V", "C"}},
       {{"logits", Role::host, "n", "V"}},
       "C",
       false,
       "nVC",
       [](Lane& lane, const Slice&, const OpArguments& a) {
         lane.lm_head_logits(get(a, "y"), id(a, "weight"), a.host.at("logits"));
       }},
      {"adamw",
       {{"weights", Role::host, "1", "C"},
        {"gradients", Role::host, "1", "C"},
        {"moment1", Role::host, "1", "C"},
        {"moment2", Role::host, "1", "C"}},
       {{"weights", Role::host, "1", "C"},
        {"gradients", Role::host, "1", "C"},
        {"moment1", Role::host, "1", "C"},
        {"moment2", Role::host, "1", "C"},
        {"norm", Role::host, "1", "1"}},
       "1",
       false,
       "8C",
       nullptr},
  };
}

bool is_parameter(Role role) { return role == Role::weight || role == Role::vector; }
bool is_tokens(Role role) { return role == Role::inputs || role == Role::targets; }
bool is_tensor(Role role) { return role == Role::activation || role == Role::fp32; }

// What each element of a tensor takes in memory.
double element_bytes(Role role, DType precision) {
  return role == Role::activation ? static_cast<double>(size_of(precision)) : 4;
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

void check(const Op& op, const OpShape& shape, const std::vector<std::vector<float>>& inputs) {
  for (int64_t size : {shape.batch, shape.window, shape.width, shape.out, shape.heads, shape.vocabulary}) {
    if (size < 1 || size > 1 << 20) fail(ErrorCode::config, op.name + ": sizes must be from 1 to 1048576");
  }
  if (shape.width % shape.heads) fail(ErrorCode::config, op.name + ": width must be a multiple of heads");
  if (inputs.size() != op.inputs.size()) {
    fail(ErrorCode::config, op.name + " takes " + std::to_string(op.inputs.size()) + " inputs");
  }
  for (size_t i = 0; i < inputs.size(); i++) {
    const OpTensor& tensor = op.inputs[i];
    const int64_t size = shape.evaluate(tensor.rows) * shape.evaluate(tensor.cols);
    if (static_cast<int64_t>(inputs[i].size()) != size) {
      fail(ErrorCode::config, op.name + ": " + tensor.name + " must have " + std::to_string(size) + " elements");
    }
  }
}

std::map<std::string, std::vector<float>> run_adamw(const std::string& device, BackendOptions backend_options,
                                                    int64_t width, const std::vector<std::vector<float>>& inputs,
                                                    const OpOptions& options) {
  ParameterTable table;
  table.add("weights", {width}, {});
  const std::unique_ptr<Backend> backend = make_backend(device, table, backend_options);
  const std::pair<const char*, Block> blocks[] = {{"weights", Block::weights},
                                                  {"gradients", Block::gradients},
                                                  {"moment1", Block::moment1},
                                                  {"moment2", Block::moment2}};
  for (size_t i = 0; i < inputs.size(); i++) backend->write(blocks[i].second, 0, width, inputs[i].data());
  backend->weights_changed();
  std::map<std::string, std::vector<float>> outputs;
  double norm = 0;
  backend->wait(backend->optimizer_step(options.adamw, &norm));
  outputs["norm"] = {static_cast<float>(norm)};
  for (const auto& [name, block] : blocks) {
    std::vector<float>& values = outputs[name];
    values.resize(static_cast<size_t>(width));
    backend->read(block, 0, width, values.data());
  }
  return outputs;
}

}  // namespace

int64_t OpShape::evaluate(const std::string& dimension) const {
  int64_t product = 1;
  for (char c : dimension) {
    switch (c) {
      case 'B':
        product *= batch;
        break;
      case 'T':
        product *= window;
        break;
      case 'n':
        product *= batch * window;
        break;
      case 'C':
        product *= width;
        break;
      case 'O':
        product *= out;
        break;
      case 'H':
        product *= heads;
        break;
      case 'V':
        product *= vocabulary;
        break;
      default:
        product *= c - '0';
    }
  }
  return product;
}

double Op::flops(const OpShape& shape) const { return 2 * static_cast<double>(shape.evaluate(multiply_adds)); }

double Op::bytes(const OpShape& shape, DType precision) const {
  double total = 0;
  for (const std::vector<OpTensor>* tensors : {&inputs, &outputs}) {
    for (const OpTensor& tensor : *tensors) {
      total += static_cast<double>(shape.evaluate(tensor.rows) * shape.evaluate(tensor.cols)) *
               element_bytes(tensor.role, precision);
    }
  }
  return total;
}

const std::vector<Op>& op_table() {
  static const std::vector<Op> table = make_table();
  return table;
}

const Op& find_op(const std::string& name) {
  for (const Op& op : op_table()) {
    if (op.name == name) return op;
  }
  fail(ErrorCode::config, "there is no op \"" + name + "\"");
}

std::map<std::string, std::vector<float>> run_op(const Op& op, const std::string& device,
                                                 BackendOptions backend_options, const OpShape& shape,
                                                 const std::vector<std::vector<float>>& inputs,
                                                 const OpOptions& options) {
  check(op, shape, inputs);
  if (!op.run) return run_adamw(device, backend_options, shape.width, inputs, options);

  ParameterTable table;
  std::map<std::string, ParameterId> parameters;
  for (const OpTensor& tensor : op.inputs) {
    if (!is_parameter(tensor.role)) continue;
    const int64_t rows = shape.evaluate(tensor.rows), cols = shape.evaluate(tensor.cols);
    // As the models do it: lm_head's rows are padded in the blocks.
    parameters[tensor.name] =
        table.add(tensor.name, {rows, cols}, {}, tensor.role == Role::weight, *tensor.rows == 'V' ? 128 : 1);
  }
  const std::unique_ptr<Backend> backend = make_backend(device, table, backend_options);
  std::map<std::string, const float*> given;
  std::vector<int32_t> tokens, targets;
  for (size_t i = 0; i < inputs.size(); i++) {
    const OpTensor& tensor = op.inputs[i];
    if (is_parameter(tensor.role)) {
      backend->write(Block::weights, table[parameters[tensor.name]].offset, static_cast<int64_t>(inputs[i].size()),
                     inputs[i].data());
    } else if (is_tokens(tensor.role)) {
      (tensor.role == Role::inputs ? tokens : targets) = to_tokens(op, tensor, inputs[i], shape.vocabulary);
    } else {
      given[tensor.name] = inputs[i].data();
    }
  }
  backend->weights_changed();

  std::map<std::string, std::vector<float>> outputs;
  float* losses = nullptr;
  for (const OpTensor& tensor : op.outputs) {
    std::vector<float>& values = outputs[tensor.name];
    values.resize(static_cast<size_t>(shape.evaluate(tensor.rows) * shape.evaluate(tensor.cols)));
    if (tensor.role == Role::losses) losses = values.data();
  }
  // The tensors in a lane's memory, each once: one that is input and output is updated in place.
  const auto take_tensors = [&](Arena& arena, int sequences) {
    std::map<std::string, Tensor> tensors;
    for (const std::vector<OpTensor>* list : {&op.inputs, &op.outputs}) {
      for (const OpTensor& tensor : *list) {
        if (!is_tensor(tensor.role) || tensors.contains(tensor.name)) continue;
        tensors[tensor.name] =
            arena.take(shape.evaluate(tensor.rows) / shape.batch * sequences, shape.evaluate(tensor.cols),
                       tensor.role == Role::activation ? backend_options.precision : DType::fp32);
      }
    }
    return tensors;
  };
  Arena measure;
  take_tensors(measure, backend->slice_batch(static_cast<int>(shape.batch)));
  backend->reserve(measure.peak());

  Pass pass;
  pass.training = options.rate > 0;
  pass.seed = options.seed;
  pass.minibatch = options.minibatch;
  pass.first_row = options.first_row;
  pass.loss_scale = options.loss_scale;
  const Ticket ticket = backend->run(
      pass, static_cast<int>(shape.batch), static_cast<int>(shape.window), tokens.empty() ? nullptr : tokens.data(),
      targets.empty() ? nullptr : targets.data(), losses, [&](Lane& lane, const Slice& slice) {
        OpArguments arguments;
        arguments.tensors = take_tensors(lane.arena(), slice.batch);
        arguments.parameters = parameters;
        arguments.shape = shape;
        arguments.options = &options;
        const auto offset = [&](const OpTensor& tensor) {
          return shape.evaluate(tensor.rows) / shape.batch * slice.first * shape.evaluate(tensor.cols);
        };
        for (const OpTensor& tensor : op.inputs) {
          if (!is_tensor(tensor.role)) continue;
          lane.upload(given.at(tensor.name) + offset(tensor), arguments.tensors[tensor.name]);
        }
        for (const OpTensor& tensor : op.outputs) {
          if (tensor.role != Role::host) continue;
          arguments.host[tensor.name] = outputs.at(tensor.name).data() + offset(tensor);
        }
        op.run(lane, slice, arguments);
        for (const OpTensor& tensor : op.outputs) {
          if (!is_tensor(tensor.role)) continue;
          lane.download(arguments.tensors[tensor.name], outputs.at(tensor.name).data() + offset(tensor));
        }
      });
  backend->wait(ticket);
  for (const OpTensor& tensor : op.outputs) {
    if (!is_parameter(tensor.role)) continue;
    std::vector<float>& values = outputs[tensor.name];
    backend->read(Block::gradients, table[parameters[tensor.name]].offset, static_cast<int64_t>(values.size()),
                  values.data());
  }
  return outputs;
}

}  // namespace aot
