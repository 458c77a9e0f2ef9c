// defines: aot::Communicator
#pragma once
#include <cstdint>
#include <string>

namespace aot {

// The place of one replica (rank) in the group that trains one model. Every rank makes the same calls in the same
// order, from one thread at a time. A rank that is gone, or does not come within the time limit, ends the call on the
// others with an AOT_DEVICE that names it.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual const char* kind() const = 0;  // single, threads, nccl, mpi
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Makes data[count] the sum over all ranks: added in a fixed order, so that a run can be repeated, and the same bits
  // on every rank. data lies in the memory of the rank's device. On a GPU the work is issued to `stream` (a
  // cudaStream_t) and the call may return before it is done; elsewhere stream is null.
  virtual void all_reduce(float* data, int64_t count, void* stream) = 0;
  // Where the host waits for what all_reduce() has issued, for so long so far: AOT_DEVICE when it will never be done.
  virtual void check(double waited_seconds) { (void)waited_seconds; }
  // Before data that was summed is given back: returns when no other rank uses it. The group is over.
  virtual void leave() {}
  // Ends what the ranks of this process wait for in the group, now and from now on, with AOT_DEVICE and this line. From
  // any thread; the first line counts.
  virtual void abort(const std::string& why) = 0;
};

}  // namespace aot
