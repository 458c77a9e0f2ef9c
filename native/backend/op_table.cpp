#include "backend/op_table.h"

#include <algorithm>

#include "backend/error.h"

namespace aot {
namespace {

using Role = OpRole;

Tensor get(const OpArguments& arguments, const char* name) { return arguments.tensors.at(name); }
ParameterId id(const OpArguments& arguments, const char* name) { return arguments.parameters.at(name); }

void linear_forward(Lane& lane, const Slice&, const OpArguments& a) {
  lane.linear_forward(get(a, "x"), id(a, "weight"), id(a, "bias"), get(a, "y"));
}
void linear_backward_input(Lane& lane, const Slice&, const OpArguments& a) {
  lane.linear_backward_input(get(a, "dy"), id(a, "weight"), get(a, "dx"));
}

std::vector<Op> make_table() {
  return {
      {"copy",
       {{"x", Role::fp32, "n", "C"}},
       {{"y", Role::fp32, "n", "C"}},
       "1",
       false,
       "0",
       [](Lane& lane, const Slice&, const OpArguments& a) { lane.copy(get(a, "x"), get(a, "y")); }},
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
       {{"y", Role::activation, "n", "O"}},
       "C",
       false,
       "nOC",
       linear_forward},
      {"linear_forward_fp32",
       {{"x", Role::activation, "n", "C"}, {"weight", Role::weight, "O", "C"}, {"bias", Role::vector, "1", "O"}},
       {{"y", Role::fp32, "n", "O"}},
       "C",
       false,
       "nOC",
       linear_forward},
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
       {{"x", Role::activation, "n", "C"}},
       {{"y", Role::activation, "n", "C"}},
       "1",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.dropout_forward(slice, get(a, "x"), a.dropout(), get(a, "y"));
       }},
      {"dropout_forward_fp32",
       {{"x", Role::fp32, "n", "C"}},
       {{"x", Role::fp32, "n", "C"}},
       "1",
       false,
       "nC",
       [](Lane& lane, const Slice& slice, const OpArguments& a) {
         lane.dropout_forward(slice, get(a, "x"), a.dropout(), get(a, "x"));
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
       {{"dx", Role::activation, "n", "C"}},
       "O",
       false,
       "nOC",
       linear_backward_input},
      {"linear_backward_input_fp32",
       {{"dy", Role::activation, "n", "O"}, {"weight", Role::weight, "O", "C"}},
       {{"dx", Role::fp32, "n", "C"}},
       "O",
       false,
       "nOC",
       linear_backward_input},
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
       "2PC",
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
       "5PC",
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
       {{"weights", Role::host, "n", "C"},
        {"gradients", Role::host, "n", "C"},
        {"moment1", Role::host, "n", "C"},
        {"moment2", Role::host, "n", "C"}},
       {{"weights", Role::host, "n", "C"},
        {"gradients", Role::host, "n", "C"},
        {"moment1", Role::host, "n", "C"},
        {"moment2", Role::host, "n", "C"},
        {"norm", Role::host, "1", "1"}},
       "1",
       false,
       "8nC",
       nullptr},
  };
}

// What each element of a tensor takes in memory.
double element_bytes(Role role, DType precision) {
  return role == Role::activation ? static_cast<double>(size_of(precision)) : 4;
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
      case 'P':
        product *= batch * (window * (window + 1) / 2);
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
      const int64_t rows = shape.evaluate(tensor.rows);
      // Of a table of embeddings no more rows than there are tokens.
      const bool is_table = tensor.role == Role::vector && *tensor.rows == 'V';
      total +=
          static_cast<double>((is_table ? std::min(rows, shape.evaluate("n")) : rows) * shape.evaluate(tensor.cols)) *
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

}  // namespace aot
