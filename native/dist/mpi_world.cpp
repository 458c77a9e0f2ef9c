#include "dist/mpi_world.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <utility>

#include "dist/monitor.h"
#include "dist/mpi_channel.h"
#include "dist/texts.h"
#include "dist/verdict.h"

namespace aot {
namespace {

// Of two clocks that both say that a process hangs, that of the monitor, which knows which one, is to be the first.
constexpr double more_patience = 2;

std::string to_text(const Member& member) {
  return nlohmann::json{{"host", member.host}, {"process", member.process}, {"processors", member.processors}}.dump();
}

Member to_member(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  return {json["host"], json["process"], json["processors"]};
}

class MpiWorld : public World {
 public:
  MpiWorld(std::shared_ptr<Mpi> mpi, const WorldOptions& options, const Member& self)
      : mpi_(std::move(mpi)), options_(options), verdict_(std::make_shared<Verdict>()) {
    // What comes before the monitor watches is only limited in time.
    const std::unique_ptr<Channel> first = make_channel([] {});
    for (const std::string& text : gather_texts(*first, rank(), size(), to_text(self))) {
      members_.push_back(to_member(text));
    }
    const auto monitor = std::make_shared<Monitor>(rank(), members_, options_, verdict_);
    std::string where, wrong;
    try {
      if (rank() == 0) where = monitor->open();
    } catch (const Error& error) {
      wrong = error.what();
    }
    where = broadcast_text(*first, rank(), where);
    if (rank() > 0 && !where.empty()) wrong = monitor->connect(where);
    for (const std::string& line : gather_texts(*first, rank(), size(), wrong)) {
      if (!line.empty()) aot::fail(ErrorCode::device, line);
    }
    monitor_ = monitor;
    end_ = open_channel();
  }

  int rank() const override { return mpi_->rank(); }
  int size() const override { return mpi_->size(); }
  const std::vector<Member>& members() const override { return members_; }

  std::unique_ptr<Channel> open_channel() override {
    const int number = channels_;
    std::unique_ptr<Channel> channel = make_channel([monitor = monitor_, number] { monitor->enter(number); });
    channel->barrier();
    return channel;
  }

  void set_devices(const std::string& devices) override { monitor_->set_devices(devices); }

  void fail(const std::string& why) override {
    if (left_) return;
    monitor_->fail(why);
    // After this no thread is within MPI, nor gets there: the process may end.
    mpi_->with([](const AotMpi&) {});
  }

  void check() const override { verdict_->check(); }

  void leave() override {
    if (left_) return;
    end_->barrier();
    monitor_->leave();
    left_ = true;
    mpi_->finish(options_.silence_seconds);
  }

 private:
  std::unique_ptr<Channel> make_channel(std::function<void()> enter) {
    return std::make_unique<MpiChannel>(
        mpi_, channels_++,
        MpiChannel::Watch{std::move(enter), [verdict = verdict_] { verdict->check(); },
                          more_patience * options_.stall_seconds + options_.silence_seconds});
  }

  const std::shared_ptr<Mpi> mpi_;
  const WorldOptions options_;
  const std::shared_ptr<Verdict> verdict_;
  std::atomic<int> channels_ = 0;
  std::vector<Member> members_;
  std::shared_ptr<Monitor> monitor_;
  std::unique_ptr<Channel> end_;  // where they leave
  std::atomic<bool> left_ = false;
};

}  // namespace

std::shared_ptr<World> open_mpi_world(std::shared_ptr<Mpi> mpi, const WorldOptions& options, const Member& self) {
  return std::make_shared<MpiWorld>(std::move(mpi), options, self);
}

}  // namespace aot
