// defines: aot::Op, aot::OpTensor, aot::OpShape, aot::OpOptions, aot::op_table, aot::find_op
//
// The table of ops: what each takes and gives, how exact it must be and what it costs. It drives the tests that compare
// devices, the finite-difference tests and the benchmark, so that an op entered here is covered by all of them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace aot {

// The sizes of a call. In the tensors' shapes: B sequences, T tokens, n = B*T, C width, O output width, H heads,
// V vocabulary, P = B*T(T+1)/2 pairs of a token and one that is not after it.
struct OpShape {
  int64_t batch = 1, window = 1, width = 1, out = 1, heads = 1, vocabulary = 1;
  // A product such as "3C" or "BH".
  int64_t evaluate(const std::string& dimension) const;
};

enum class OpRole {
  activation,  // in the precision's dtype; every sequence has its share of the rows
  fp32,        // the same in fp32
  host,        // written by the op to host memory, in fp32
  weight,      // a parameter that enters matrix products; as output: its gradient
  vector,      // any other parameter; as output: its gradient
  inputs,      // token ids
  targets,     // token ids
  losses       // nats a token
};
inline bool is_parameter(OpRole role) { return role == OpRole::weight || role == OpRole::vector; }
inline bool is_tokens(OpRole role) { return role == OpRole::inputs || role == OpRole::targets; }
inline bool is_tensor(OpRole role) { return role == OpRole::activation || role == OpRole::fp32; }

struct OpTensor {
  const char* name;
  OpRole role;
  const char *rows, *cols;
};

struct OpOptions {
  float rate = 0;  // of dropout
  uint32_t site = 0, minibatch = 0;
  uint64_t seed = 0;
  int64_t first_row = 0;
  float loss_scale = 1;
  bool accumulate = false;  // layernorm_backward; gru_forward, lstm_forward: go on from the state given
  AdamW adamw;
};

// One slice's tensors and the parameters, by name.
struct OpArguments {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, ParameterId> parameters;
  std::map<std::string, float*> host;
  OpShape shape;
  const OpOptions* options;
  Dropout dropout() const { return {options->rate, options->site}; }
};

struct Op {
  std::string name;
  std::vector<OpTensor> inputs, outputs;
  // Length of the op's longest sum. With u = 2^-24, an fp32 result may be off by u*(4|x| + (8 + 4 sqrt(reduction)) *
  // rms(x)): twice what plain fp32 loops lose. In bf16, one unit in the last place (2^-7 |x|) more where the output or
  // an intermediate value is rounded to bf16, and for the latter 3 * 2^-7 rms(x).
  const char* reduction;
  bool rounds_inside;
  const char* multiply_adds;                             // per call, as a product: FLOPs are twice that
  void (*run)(Lane&, const Slice&, const OpArguments&);  // null: adamw, which is an op of the backend

  double flops(const OpShape& shape) const;
  // Memory read and written once.
  double bytes(const OpShape& shape, DType precision) const;
};

const std::vector<Op>& op_table();
// Throws AOT_CONFIG when there is none of that name.
const Op& find_op(const std::string& name);

}  // namespace aot
