// defines: aot::Values, load, store, load_all, store_all: the reference's numbers, in double, from and to tensors
#pragma once
#include <cstdint>
#include <vector>

#include "backend/arena.h"
#include "backend/dtype.h"

namespace aot {

using Values = std::vector<double>;

inline double load(const Tensor& tensor, int64_t index) {
  return tensor.dtype == DType::fp32 ? tensor.f32()[index] : from_bf16(tensor.b16()[index]);
}

inline void store(Tensor tensor, int64_t index, double value) {
  const float rounded = static_cast<float>(value);
  if (tensor.dtype == DType::fp32) {
    tensor.f32()[index] = rounded;
  } else {
    tensor.b16()[index] = to_bf16(rounded);
  }
}

inline Values load_all(const Tensor& tensor) {
  Values values(static_cast<size_t>(tensor.size()));
  for (int64_t i = 0; i < tensor.size(); i++) values[i] = load(tensor, i);
  return values;
}

inline void store_all(Tensor tensor, const Values& values) {
  for (int64_t i = 0; i < tensor.size(); i++) store(tensor, i, values[i]);
}

}  // namespace aot
