// defines: aot::StopRelay
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tokenizer/work_control.h"

namespace aot {

// Carries the stop word of a WorkControl over to the flag that the trainer looks at, on a thread of its own.
class StopRelay {
 public:
  explicit StopRelay(const WorkControl& control)
      : thread_([this, control] {
          std::unique_lock lock(mutex_);
          while (!ended_.wait_for(lock, std::chrono::milliseconds(20), [this] { return end_; })) {
            if (control.stopped()) stop_ = true;
          }
        }) {}
  ~StopRelay() {
    {
      std::lock_guard lock(mutex_);
      end_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  StopRelay(const StopRelay&) = delete;
  StopRelay& operator=(const StopRelay&) = delete;

  const std::atomic<bool>* flag() const { return &stop_; }

 private:
  std::atomic<bool> stop_ = false;
  bool end_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace aot
