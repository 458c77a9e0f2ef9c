#include "backend/parameters.h"

#include <algorithm>
#include <utility>

namespace aot {

ParameterId ParameterTable::add(std::string name, std::vector<int64_t> shape, Init init, bool matmul_weight,
                                int64_t row_padding) {
  Parameter parameter;
  parameter.cols = shape.back();
  parameter.rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); i++) parameter.rows *= shape[i];
  parameter.padded_rows = (parameter.rows + row_padding - 1) / row_padding * row_padding;
  parameter.name = std::move(name);
  parameter.shape = std::move(shape);
  parameter.offset = block_size_;
  parameter.matmul_weight = matmul_weight;
  parameter.init = init;
  block_size_ += (parameter.padded_rows * parameter.cols + 63) / 64 * 64;
  elements_ += parameter.size();
  parameters_.push_back(std::move(parameter));
  return count() - 1;
}

ParameterId ParameterTable::find(const std::string& name) const {
  const auto at =
      std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter& p) { return p.name == name; });
  return at == parameters_.end() ? no_parameter : static_cast<ParameterId>(at - parameters_.begin());
}

}  // namespace aot
