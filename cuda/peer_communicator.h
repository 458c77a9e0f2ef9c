// defines: aot::cuda::PeerCommunicator, make_peer_communicators
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dist/communicator.h"
#include "dist/thread_group.h"
#include "kernels.h"
#include "runtime.h"

namespace aot::cuda {

// Replicas of one process, each on its device, or several on one, by copies between the devices and a kernel that adds.
//
// Rank r makes segment r of the sum: it copies the others' segments into memory of its own, adds all in the order of
// the ranks, and copies the result to all. For a bucket of b bytes over n ranks each device takes in and sends out 2
// (n-1)/n b by its links, as in a ring, and the kernel reads b and writes b/n in the device's memory.
//
// The devices wait for each other by events; the threads meet only so that an event is recorded before another stream
// is told to wait for it. Nothing here makes a thread wait for a device, but for more memory in the first call.
class PeerCommunicator final : public Communicator {
 public:
  // A rank's side of the call that all are in.
  struct Place {
    int device = 0;
    float* data = nullptr;
    int64_t count = 0;
    Event ready = nullptr;  // data holds the rank's share
    Event done = nullptr;   // the rank has read and written what it does in the others' data
    std::mutex issuing;     // held from where the rank names the others' data to where `done` is recorded
  };
  struct Group {
    Group(std::vector<std::string> names, double stall_seconds);
    ~Group();
    ThreadGroup meeting;
    std::deque<Place> places;
    std::atomic<bool> left{false};  // a rank's data is gone
  };

  PeerCommunicator(std::shared_ptr<Group> group, int rank, int multiprocessors)
      : group_(std::move(group)), rank_(rank), multiprocessors_(multiprocessors) {}
  const char* kind() const override { return "threads"; }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(group_->places.size()); }
  void all_reduce(float* data, int64_t count, void* stream) override;
  void leave() override;
  void abort(const std::string& why) override { group_->meeting.abort(why); }

 private:
  void sum_own_segment(float* data, int64_t count, Stream stream);

  const std::shared_ptr<Group> group_;
  const int rank_, multiprocessors_;
  DeviceMemory shares_;  // the other ranks' of the own segment, side by side
};

std::vector<std::unique_ptr<Communicator>> make_peer_communicators(const std::vector<std::string>& devices,
                                                                   double stall_seconds);

}  // namespace aot::cuda
