// defines: aot::ParameterId, aot::Parameter, aot::ParameterTable
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace aot {

using ParameterId = int;
inline constexpr ParameterId no_parameter = -1;

// How a parameter starts: PyTorch's defaults for the original's modules.
struct Init {
  enum class Kind { constant, normal, uniform } kind = Kind::constant;
  float scale = 0;  // constant: the value; normal: the standard deviation; uniform: the bound of (-scale, scale)
};

// One named tensor of the model, a view into each of the blocks (weights, gradients, moments).
struct Parameter {
  std::string name;            // as in the original's PyTorch state dict
  std::vector<int64_t> shape;  // as in the original's PyTorch state dict
  int64_t offset = 0;          // elements from the start of a block; a multiple of 64
  int64_t rows = 0, cols = 0;  // as a matrix: shape[0] x the rest; a vector has one row
  int64_t padded_rows = 0;     // rows held in the blocks; those past `rows` are zero and stay zero
  bool matmul_weight = false;  // enters matrix products as a weight [out, in]
  Init init;

  int64_t size() const { return rows * cols; }
};

// The layout of the blocks: parameters in the order of the state dict, each aligned to 256 bytes.
class ParameterTable {
 public:
  // row_padding: round the rows held up to a multiple of this (128 for lm_head's vocabulary).
  ParameterId add(std::string name, std::vector<int64_t> shape, Init init, bool matmul_weight = false,
                  int64_t row_padding = 1);
  const Parameter& operator[](ParameterId id) const { return parameters_[static_cast<size_t>(id)]; }
  ParameterId find(const std::string& name) const;  // no_parameter when there is none
  int count() const { return static_cast<int>(parameters_.size()); }
  int64_t block_size() const { return block_size_; }   // elements of a block, padding included
  int64_t element_count() const { return elements_; }  // without padding: the model's parameter count
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }

 private:
  std::vector<Parameter> parameters_;
  int64_t block_size_ = 0, elements_ = 0;
};

}  // namespace aot
