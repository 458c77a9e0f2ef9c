#include "dist/world.h"

#include <sched.h>
#include <unistd.h>

#include <exception>
#include <mutex>
#include <utility>

#include "dist/mpi_world.h"
#include "dist/verdict.h"

namespace aot {
namespace {

Member this_process() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  Member member{host, getpid(), {}};
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
      if (CPU_ISSET(processor, &set)) member.processors.push_back(processor);
    }
  }
  return member;
}

class ChannelOfOne : public Channel {
 public:
  explicit ChannelOfOne(std::shared_ptr<const Verdict> verdict) : verdict_(std::move(verdict)) {}
  void barrier() override { verdict_->check(); }
  void broadcast(void*, size_t, int) override { verdict_->check(); }
  void all_gather(void*, std::span<const size_t>) override { verdict_->check(); }
  void all_reduce(float*, int64_t) override { verdict_->check(); }

 private:
  const std::shared_ptr<const Verdict> verdict_;
};

class WorldOfOne : public World {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  const std::vector<Member>& members() const override { return members_; }
  std::unique_ptr<Channel> open_channel() override { return std::make_unique<ChannelOfOne>(verdict_); }
  void set_devices(const std::string&) override {}
  void fail(const std::string& why) override { verdict_->set("this process stopped: " + why); }
  void check() const override { verdict_->check(); }
  void leave() override {}

 private:
  const std::vector<Member> members_{this_process()};
  const std::shared_ptr<Verdict> verdict_ = std::make_shared<Verdict>();
};

}  // namespace

std::shared_ptr<World> world_of_one() { return std::make_shared<WorldOfOne>(); }

std::shared_ptr<World> join_world(const WorldOptions& options) {
  struct Joined {
    std::mutex mutex;
    std::shared_ptr<World> world;
    std::exception_ptr error;  // MPI does not start twice
  };
  // Never destroyed: threads of the world may run to the very end of the process.
  static auto* const joined = new Joined;
  const std::lock_guard lock(joined->mutex);
  if (joined->error) std::rethrow_exception(joined->error);
  if (joined->world) return joined->world;
  try {
    const std::optional<Launch> launch = launched();
    joined->world =
        launch ? open_mpi_world(Mpi::start(*launch, options.stall_seconds), options, this_process()) : world_of_one();
  } catch (...) {
    joined->error = std::current_exception();
    throw;
  }
  return joined->world;
}

}  // namespace aot
