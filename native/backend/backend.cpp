#include "backend/backend.h"

#include <algorithm>
#include <chrono>

namespace aot {

void Lane::upload(const float* host, Tensor to) {
  if (to.dtype == DType::fp32) {
    std::copy_n(host, to.size(), to.f32());
  } else {
    std::transform(host, host + to.size(), to.b16(), to_bf16);
  }
}

void Lane::download(Tensor from, float* host) {
  if (from.dtype == DType::fp32) {
    std::copy_n(from.f32(), from.size(), host);
  } else {
    std::transform(from.b16(), from.b16() + from.size(), host, from_bf16);
  }
}

int Lane::stamp() {
  using Seconds = std::chrono::duration<double>;
  stamps_.push_back(Seconds(std::chrono::steady_clock::now().time_since_epoch()).count());
  return static_cast<int>(stamps_.size()) - 1;
}

double Lane::seconds_between(int from, int to) {
  return stamps_.at(static_cast<size_t>(to)) - stamps_.at(static_cast<size_t>(from));
}

}  // namespace aot
