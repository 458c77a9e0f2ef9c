// defines: aot::WorkControl
#pragma once
#include <atomic>
#include <cstdint>

#include "backend/error.h"

namespace aot {

// Progress and stop of a long call, in memory shared with another thread (typed arrays of the caller): `progress` is
// {bytes of input done, bytes in all, tokens made, words in them}, `stop` is set to 1 to end the call. What is done is
// added to what stands there, by several threads at once. Either may be null.
class WorkControl {
 public:
  WorkControl() = default;
  WorkControl(double* progress, int32_t* stop) : progress_(progress), stop_(stop) {}

  void set_total(int64_t bytes) const {
    if (progress_) std::atomic_ref<double>(progress_[1]).store(static_cast<double>(bytes), std::memory_order_relaxed);
  }
  void add_bytes(int64_t bytes) const { add(0, static_cast<double>(bytes)); }
  void add_tokens(uint64_t tokens, uint64_t words) const {
    add(2, static_cast<double>(tokens));
    add(3, static_cast<double>(words));
  }
  bool stopped() const { return stop_ && std::atomic_ref<int32_t>(*stop_).load(std::memory_order_relaxed) != 0; }
  // Throws when the call was asked to stop.
  void check_stop() const {
    if (stopped()) fail(ErrorCode::config, "stopped on request before the end");
  }

 private:
  void add(int place, double amount) const {
    if (progress_) std::atomic_ref<double>(progress_[place]).fetch_add(amount, std::memory_order_relaxed);
  }

  double* progress_ = nullptr;
  int32_t* stop_ = nullptr;
};

}  // namespace aot
