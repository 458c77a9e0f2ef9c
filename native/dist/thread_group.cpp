#include "dist/thread_group.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend/error.h"

namespace aot {

ThreadGroup::ThreadGroup(std::vector<std::string> names, double stall_seconds)
    : names_(std::move(names)), stall_seconds_(stall_seconds), meetings_(names_.size(), 0) {}

void ThreadGroup::fail_if_over() const {
  if (!over_.empty()) fail(ErrorCode::device, over_);
}

void ThreadGroup::meet(int rank) {
  std::unique_lock lock(mutex_);
  fail_if_over();
  const uint64_t meeting = ++meetings_[static_cast<size_t>(rank)];
  if (std::all_of(meetings_.begin(), meetings_.end(), [&](uint64_t calls) { return calls >= meeting; })) {
    met_ = meeting;
    all_here_.notify_all();
    return;
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(stall_seconds_);
  const bool in_time = all_here_.wait_until(lock, limit, [&] { return met_ >= meeting || !over_.empty(); });
  if (met_ >= meeting) return;
  if (!in_time) {
    for (size_t other = 0; other < names_.size(); other++) {
      if (meetings_[other] >= meeting) continue;
      over_ = "replica " + std::to_string(other) + " (" + names_[other] +
              ") has not come to where the others wait for " + std::to_string(static_cast<int64_t>(stall_seconds_)) +
              " seconds: it hangs";
      break;
    }
    all_here_.notify_all();
  }
  fail_if_over();
}

void ThreadGroup::abort(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (over_.empty()) over_ = why;
  all_here_.notify_all();
}

}  // namespace aot
