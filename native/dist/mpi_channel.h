// defines: aot::MpiChannel
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/mpi.h"
#include "dist/world.h"

namespace aot {

// Collectives of messages that are looked after again and again, never waited for within MPI: so that a process that is
// gone is noticed. Messages lie in memory of the channel, which stays where it is when a collective ends early: MPI may
// still read it for the others, and has to find there what was sent.
class MpiChannel : public Channel {
 public:
  struct Watch {
    std::function<void()> enter;  // a collective begins
    std::function<void()> check;  // throws when it will not come to its end
    double patience = 0;          // seconds after which the network is at fault, when all live and are there
  };

  // number: all processes give the same, no two channels do.
  MpiChannel(std::shared_ptr<Mpi> mpi, int number, Watch watch);
  ~MpiChannel() override;

  void barrier() override;
  void broadcast(void* data, size_t bytes, int root) override;
  void all_gather(void* data, std::span<const size_t> ends) override;
  void all_reduce(float* data, int64_t count) override;

 private:
  // A message of this channel's memory.
  struct Part {
    int rank;
    size_t offset, bytes;
  };
  void begin();
  void exchange(const std::vector<Part>& sends, const std::vector<Part>& receives);
  void gather(std::byte* data, std::span<const size_t> ends);
  void reduce(float* data, size_t count);

  const std::shared_ptr<Mpi> mpi_;
  const int number_, rank_, size_;
  const Watch watch_;
  bool on_its_way_ = false;  // MPI has messages that were not seen to end
  std::unique_ptr<std::byte[]> out_, in_;
};

}  // namespace aot
