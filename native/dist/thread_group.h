// defines: aot::ThreadGroup
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace aot {

// Threads of this process that meet again and again, one for each of its replicas.
class ThreadGroup {
 public:
  // names: of the replicas, by rank, for the line about one that does not come. stall_seconds: how long it is waited
  // for.
  ThreadGroup(std::vector<std::string> names, double stall_seconds);
  int size() const { return static_cast<int>(names_.size()); }
  // Returns when every rank has called it as often as this one: what they wrote before is visible then. AOT_DEVICE, in
  // this call and all later ones of any rank, when abort() was called, or when a rank has not come in time: named.
  void meet(int rank);
  void abort(const std::string& why);

 private:
  void fail_if_over() const;

  const std::vector<std::string> names_;
  const double stall_seconds_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::vector<uint64_t> meetings_;  // by rank: calls so far
  uint64_t met_ = 0;                // meetings that are complete
  std::string over_;                // why there are no more; empty: there are
};

}  // namespace aot
