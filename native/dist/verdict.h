// defines: aot::Verdict
#pragma once
#include <atomic>
#include <mutex>
#include <string>

#include "backend/error.h"

namespace aot {

// Whether work that several do together is over before its end, and why. The first line counts. Thread-safe.
class Verdict {
 public:
  // Whether this was the first.
  bool set(const std::string& line) {
    const std::lock_guard lock(mutex_);
    if (is_set_) return false;
    line_ = line;
    is_set_.store(true, std::memory_order_release);
    return true;
  }
  bool is_set() const { return is_set_.load(std::memory_order_acquire); }
  // AOT_DEVICE with the line, when there is one.
  void check() const {
    if (is_set()) fail(ErrorCode::device, line_);
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> is_set_ = false;
  std::string line_;
};

}  // namespace aot
