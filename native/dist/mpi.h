// defines: aot::Mpi, aot::Launch, aot::launched
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "dist/mpi_plugin.h"

namespace aot {

// Who has started this process as one of several, as the environment says.
struct Launch {
  std::string by;
  int size = 0;  // processes of the job; 0: it does not say
};
// Nothing: it runs alone.
std::optional<Launch> launched();

// MPI in this process.
class Mpi {
 public:
  // Loads the library beside the addon and waits for the other processes to do the same. AOT_DEVICE: there is none, or
  // its MPI does not know of the others, or they have not come within so many seconds.
  static std::shared_ptr<Mpi> start(const Launch& launch, double seconds);

  int rank() const { return rank_; }
  int size() const { return size_; }
  // body(functions), while no other thread calls MPI.
  template <class Body>
  auto with(Body body) {
    const std::lock_guard lock(mutex_);
    return body(functions_);
  }
  // At the end of a job that went well: waits for the others, but not longer than that.
  void finish(double seconds);

 private:
  enum class State { starting, running, broken, finishing, finished };
  explicit Mpi(const AotMpi& functions) : functions_(functions) {}
  void live();

  const AotMpi& functions_;
  std::mutex mutex_;  // of the calls
  int rank_ = 0, size_ = 1;
  std::mutex state_mutex_;
  std::condition_variable changed_;
  State state_ = State::starting;
  std::string why_;
};

}  // namespace aot
