#include "dist/threads.h"

#include <algorithm>

#include "dist/thread_group.h"

namespace aot {
namespace {

struct Shared {
  Shared(const std::vector<std::string>& names, double stall_seconds)
      : group(names, stall_seconds), data(names.size(), nullptr) {}
  ThreadGroup group;
  std::vector<float*> data;          // by rank: of the call that they are in
  std::unique_ptr<Channel> channel;  // to the other processes; null when there are none
};

class ThreadsCommunicator final : public Communicator {
 public:
  ThreadsCommunicator(std::shared_ptr<Shared> shared, int rank, int first, int size)
      : shared_(std::move(shared)), local_(rank), first_(first), size_(size) {}

  const char* kind() const override { return shared_->channel ? "mpi" : "threads"; }
  int rank() const override { return first_ + local_; }
  int size() const override { return size_; }
  void abort(const std::string& why) override { shared_->group.abort(why); }

  void all_reduce(float* data, int64_t count, void*) override {
    Shared& shared = *shared_;
    shared.data[static_cast<size_t>(local_)] = data;
    shared.group.meet(local_);
    const auto ranks = static_cast<int64_t>(shared.data.size());
    const int64_t begin = count * local_ / ranks, end = count * (local_ + 1) / ranks;
    if (shared.channel) {
      sum(begin, end, {shared.data[0]});
      shared.group.meet(local_);
      if (local_ == 0) shared.channel->all_reduce(data, count);
      shared.group.meet(local_);
      if (local_ != 0) std::copy_n(shared.data[0], count, data);
    } else {
      sum(begin, end, shared.data);
    }
    // Until here the others read or write this rank's memory.
    shared.group.meet(local_);
  }

 private:
  // Elements [begin, end) of all ranks, added in their order, to each of `to`: piece by piece, so that what is written
  // last is still in the cache for the next.
  void sum(int64_t begin, int64_t end, const std::vector<float*>& to) const {
    constexpr int64_t piece = 4096;
    const std::vector<float*>& from = shared_->data;
    float total[piece];
    for (int64_t at = begin; at < end; at += piece) {
      const int64_t count = std::min(piece, end - at);
      std::copy_n(from[0] + at, count, total);
      for (size_t rank = 1; rank < from.size(); rank++) {
        const float* __restrict__ other = from[rank] + at;
        for (int64_t i = 0; i < count; i++) total[i] += other[i];
      }
      for (float* place : to) std::copy_n(total, count, place + at);
    }
  }

  const std::shared_ptr<Shared> shared_;
  const int local_, first_, size_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_thread_communicators(const std::vector<std::string>& names,
                                                                     World& world, double stall_seconds) {
  const auto shared = std::make_shared<Shared>(names, stall_seconds);
  const int count = static_cast<int>(names.size());
  int first = 0, size = count;
  if (world.size() > 1) {
    shared->channel = world.open_channel();
    std::vector<int32_t> counts(static_cast<size_t>(world.size()));
    counts[static_cast<size_t>(world.rank())] = count;
    std::vector<size_t> ends;
    for (size_t process = 1; process <= counts.size(); process++) ends.push_back(process * sizeof(int32_t));
    shared->channel->all_gather(counts.data(), ends);
    size = 0;
    for (int process = 0; process < world.size(); process++) {
      if (process == world.rank()) first = size;
      size += counts[static_cast<size_t>(process)];
    }
  }
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (int rank = 0; rank < count; rank++) {
    communicators.push_back(std::make_unique<ThreadsCommunicator>(shared, rank, first, size));
  }
  return communicators;
}

}  // namespace aot
