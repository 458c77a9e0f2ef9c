// defines: aot::Monitor
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dist/message.h"
#include "dist/sockets.h"
#include "dist/verdict.h"
#include "dist/world.h"

namespace aot {

// Watches that the processes of a job live, whatever MPI does: each has a connection to process 0 and gives a sign of
// life over it again and again, with how many collectives it has entered on each channel. Process 0 sees who is gone,
// silent or behind, and tells all others; of process 0 they see it themselves. All that a monitor finds out is in the
// verdict. Thread-safe; lives to the end of the process.
class Monitor : public std::enable_shared_from_this<Monitor> {
 public:
  Monitor(int rank, std::vector<Member> members, const WorldOptions& options, std::shared_ptr<Verdict> verdict);

  // Process 0: begins to watch, and gives what connect() of the others needs.
  std::string open();
  // Another process: finds process 0 there and begins to watch. Why it cannot be reached, or nothing.
  std::string connect(const std::string& where);

  void enter(int channel);
  void set_devices(const std::string& devices);
  // This process gives up.
  void fail(const std::string& why);
  // All have done their work: that they end is no death from now on. Process 0 waits until all have said so.
  void leave();

 private:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  struct Process {
    Link link;  // of process 0 to each, of each to process 0
    Time heard;
    bool left = false;
    std::string devices;
    std::vector<uint64_t> entered;  // by channel
    std::vector<Time> since;        // others have waited for it there
  };
  struct Stranger {
    Link link;
    Time since;
  };

  void watch();
  void loop();
  bool look(Time now, Time before);
  void beat();
  void accept_all();
  void greet_all();
  void hear(int rank);
  void take(int rank, const Message& message);
  void judge_silence(Time now);
  void judge_progress(Time now);
  void note(Process& process, size_t channel, uint64_t entered);
  void give_up(const std::string& line);
  void tell(MessageKind kind, const std::string& text);
  bool all_left() const;
  std::string name(int rank) const;

  const int rank_;
  const std::vector<Member> members_;
  const double silence_, stall_, interval_;
  const std::shared_ptr<Verdict> verdict_;
  std::string token_, answer_;  // of this job: what a connection begins with, on either side
  mutable std::mutex mutex_;    // of all below
  std::condition_variable left_;
  Socket listening_;
  std::vector<Process> processes_;  // by rank
  std::list<Stranger> strangers_;   // have not said yet who they are
};

}  // namespace aot
