// defines: aot::World, aot::Channel, aot::Member, aot::WorldOptions, aot::join_world
//
// The processes that work on one job together: this one alone, or those that mpirun or srun has started.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace aot {

struct Member {
  std::string host;
  int64_t process = 0;          // its number on the host
  std::vector<int> processors;  // that it may use
};

// Calls that all processes make in the same order, on a channel by one thread at a time. When a process is gone, has
// failed, or does not come in time, they throw AOT_DEVICE with a line that names it.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void barrier() = 0;
  // data of the root goes to all.
  virtual void broadcast(void* data, size_t bytes, int root) = 0;
  // In place: process p has [ends[p-1], ends[p]) of data (from 0 for the first) and gets the rest. Bytes.
  virtual void all_gather(void* data, std::span<const size_t> ends) = 0;
  // In place: the sum, added in the order of the ranks, the same bits everywhere.
  virtual void all_reduce(float* data, int64_t count) = 0;
};

// Lives to the end of the process. Thread-safe.
class World {
 public:
  virtual ~World() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual const std::vector<Member>& members() const = 0;  // by rank
  // A new channel of all processes; they open theirs in the same order. Waits for them.
  virtual std::unique_ptr<Channel> open_channel() = 0;
  // What this process is at, and what its devices are called: for the lines about it.
  virtual void set_devices(const std::string& devices) = 0;
  // Tells the others that this process gives up: what they wait for ends with "process 1 (cuda:1 on host b) stopped:
  // why". The first failure of the job counts, wherever it was.
  virtual void fail(const std::string& why) = 0;
  // AOT_DEVICE when a process of the job has failed or is gone.
  virtual void check() const = 0;
  // Waits for the others to leave too, at the end of the work that went well; nothing may be called after it.
  virtual void leave() = 0;
};

struct WorldOptions {
  // A process that gives no sign of life for so long is taken for dead.
  double silence_seconds = 30;
  // One that lives but does not come where the others wait is given up after so long.
  double stall_seconds = 600;
};

// Of the job that mpirun or srun has started this process in, as the environment says; of this process alone otherwise.
// The first call decides; it is waited for by all processes of the job. AOT_DEVICE when this build has no MPI and is
// one of several.
std::shared_ptr<World> join_world(const WorldOptions& options);
// A world of this process alone.
std::shared_ptr<World> world_of_one();

}  // namespace aot
