// defines: aot::WorkControl
#pragma once
#include <atomic>
#include <cstdint>

#include "backend/error.h"

namespace aot {

// Progress and stop of a long call, in memory shared with another thread (typed arrays of the caller): `progress` is
// [done, total] in bytes of input, `stop` is set to 1 to end the call. Either may be null.
class WorkControl {
 public:
  WorkControl() = default;
  WorkControl(double* progress, int32_t* stop) : progress_(progress), stop_(stop) {}

  void set_progress(int64_t done, int64_t total) const {
    if (!progress_) return;
    std::atomic_ref<double>(progress_[1]).store(static_cast<double>(total), std::memory_order_relaxed);
    std::atomic_ref<double>(progress_[0]).store(static_cast<double>(done), std::memory_order_relaxed);
  }
  bool stopped() const { return stop_ && std::atomic_ref<int32_t>(*stop_).load(std::memory_order_relaxed) != 0; }
  // Throws when the call was asked to stop.
  void check_stop() const {
    if (stopped()) fail(ErrorCode::config, "stopped on request before the end");
  }

 private:
  double* progress_ = nullptr;
  int32_t* stop_ = nullptr;
};

}  // namespace aot
