#include "dist/monitor.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "dist/own_thread.h"

namespace aot {
namespace {

constexpr size_t most_strangers = 64, most_of_a_line = 2000;
constexpr double answer_seconds = 2;

std::string random_token() {
  unsigned char bytes[16] = {};
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) fail(ErrorCode::device, "the system gives no random numbers");
  std::string token;
  for (unsigned char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    token += digits;
  }
  return token;
}

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string in_words(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%g second%s", seconds, seconds == 1 ? "" : "s");
  return text;
}

std::string one_line(std::string text) {
  text.resize(std::min(text.size(), most_of_a_line));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace

Monitor::Monitor(int rank, std::vector<Member> members, const WorldOptions& options, std::shared_ptr<Verdict> verdict)
    : rank_(rank),
      members_(std::move(members)),
      silence_(options.silence_seconds),
      stall_(options.stall_seconds),
      interval_(std::min(1.0, silence_ / 4)),
      verdict_(std::move(verdict)),
      processes_(members_.size()) {}

std::string Monitor::open() {
  token_ = random_token();
  answer_ = random_token();
  listening_ = listen_anywhere();
  if (!listening_)
    aot::fail(ErrorCode::device, "process 0 cannot listen on a TCP port, where the others have to find it");
  watch();
  return nlohmann::json{
      {"token", token_}, {"answer", answer_}, {"port", port_of(listening_)}, {"addresses", own_addresses()}}
      .dump();
}

std::string Monitor::connect(const std::string& where) {
  const nlohmann::json there = nlohmann::json::parse(where);
  token_ = there["token"];
  answer_ = there["answer"];
  const int port = there["port"];
  std::vector<std::string> addresses = there["addresses"];
  const std::string shown = nlohmann::json(addresses).dump();
  // Two machines may have the same name, and an address of one may be another machine's too: whoever answers right is
  // it.
  const bool one_host = members_[0].host == members_[static_cast<size_t>(rank_)].host;
  addresses.insert(one_host ? addresses.begin() : addresses.end(), {"127.0.0.1", "::1"});
  const Time limit = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(std::max(10.0, silence_)));
  do {
    for (const std::string& address : addresses) {
      Link link(connect_to(address, port, answer_seconds));
      if (!link || !link.send(MessageKind::hello, token_ + std::to_string(rank_))) continue;
      const std::optional<Message> welcome = link.await(answer_seconds);
      if (!welcome || welcome->kind != MessageKind::welcome || welcome->text != answer_) continue;
      {
        const std::lock_guard lock(mutex_);
        processes_[0].link = std::move(link);
        processes_[0].heard = Clock::now();
      }
      watch();
      return "";
    }
  } while (Clock::now() < limit);
  return name(rank_) + " cannot reach " + name(0) + " at port " + std::to_string(port) + " of " + shown +
         ": let TCP connections pass between the machines";
}

void Monitor::watch() {
  own_thread([self = shared_from_this()] {
    try {
      self->loop();
    } catch (const std::exception& error) {
      self->fail(std::string("it cannot watch the others: ") + error.what());
    }
  });
}

void Monitor::loop() {
  Time before = Clock::now(), next_beat = before;
  std::vector<pollfd> waited_for;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (Clock::now() >= next_beat) {
        beat();
        next_beat =
            Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
      }
      waited_for.clear();
      const auto wait_for = [&](const Socket& socket) {
        if (socket) waited_for.push_back({socket.descriptor(), POLLIN, 0});
      };
      wait_for(listening_);
      for (const Process& process : processes_) wait_for(process.link.socket());
      for (const Stranger& stranger : strangers_) wait_for(stranger.link.socket());
    }
    const double left = std::max(0.0, seconds_between(Clock::now(), next_beat));
    poll(waited_for.data(), waited_for.size(), static_cast<int>(left * 1000) + 1);
    const std::lock_guard lock(mutex_);
    const Time now = Clock::now();
    if (!look(now, before)) return;
    before = now;
  }
}

// False: there is nothing more to watch.
bool Monitor::look(Time now, Time before) {
  if (seconds_between(before, now) > interval_ + silence_ / 4) {
    // It was this process that was stopped: the signs of life of the others lie unread, or their word that it is given
    // up.
    for (Process& process : processes_) {
      process.heard = now;
      std::fill(process.since.begin(), process.since.end(), now);
    }
  }
  accept_all();
  greet_all();
  for (int rank = 0; rank < static_cast<int>(processes_.size()); rank++) hear(rank);
  judge_silence(now);
  if (rank_ == 0) judge_progress(now);
  return !verdict_->is_set() && !(rank_ == 0 ? all_left() : processes_[static_cast<size_t>(rank_)].left);
}

void Monitor::beat() {
  const std::vector<uint64_t>& entered = processes_[static_cast<size_t>(rank_)].entered;
  tell(MessageKind::beat, {reinterpret_cast<const char*>(entered.data()), entered.size() * sizeof(uint64_t)});
}

void Monitor::accept_all() {
  if (!listening_) return;
  while (Socket socket = listening_.accept()) {
    if (strangers_.size() == most_strangers) strangers_.pop_front();
    strangers_.push_back({Link(std::move(socket)), Clock::now()});
  }
}

void Monitor::greet_all() {
  for (auto stranger = strangers_.begin(); stranger != strangers_.end();) {
    const bool open = stranger->link.read();
    const std::optional<Message> hello = stranger->link.take();
    const bool waits = open && !hello && seconds_between(stranger->since, Clock::now()) < silence_;
    if (waits) {
      ++stranger;
      continue;
    }
    if (hello && hello->kind == MessageKind::hello && hello->text.substr(0, token_.size()) == token_) {
      const int rank = std::atoi(hello->text.c_str() + token_.size());
      if (rank > 0 && static_cast<size_t>(rank) < processes_.size() && !processes_[static_cast<size_t>(rank)].link) {
        Process& process = processes_[static_cast<size_t>(rank)];
        process.link = std::move(stranger->link);
        process.heard = Clock::now();
        process.link.send(MessageKind::welcome, answer_);
      }
    }
    stranger = strangers_.erase(stranger);
  }
}

void Monitor::hear(int rank) {
  Process& process = processes_[static_cast<size_t>(rank)];
  if (!process.link) return;
  const bool open = process.link.read();
  while (const std::optional<Message> message = process.link.take()) {
    process.heard = Clock::now();
    take(rank, *message);
  }
  if (open) return;
  process.link.close();
  if (!process.left) give_up(name(rank) + " died");
}

void Monitor::take(int rank, const Message& message) {
  Process& process = processes_[static_cast<size_t>(rank)];
  switch (message.kind) {
    case MessageKind::beat:
      for (size_t channel = 0; channel < message.text.size() / sizeof(uint64_t); channel++) {
        uint64_t entered = 0;
        std::memcpy(&entered, message.text.data() + channel * sizeof entered, sizeof entered);
        note(process, channel, entered);
      }
      break;
    case MessageKind::devices:
      process.devices = message.text;
      break;
    case MessageKind::over:
      give_up(message.text);
      break;
    case MessageKind::left:
      process.left = true;
      left_.notify_all();
      break;
    case MessageKind::hello:
    case MessageKind::welcome:
      break;
  }
}

void Monitor::note(Process& process, size_t channel, uint64_t entered) {
  if (process.entered.size() <= channel) {
    process.entered.resize(channel + 1, 0);
    process.since.resize(channel + 1, Clock::now());
  }
  if (process.entered[channel] == entered) return;
  process.entered[channel] = entered;
  process.since[channel] = Clock::now();
}

void Monitor::judge_silence(Time now) {
  for (int rank = 0; rank < static_cast<int>(processes_.size()); rank++) {
    const Process& process = processes_[static_cast<size_t>(rank)];
    if (!process.link || process.left || seconds_between(process.heard, now) <= silence_) continue;
    give_up(name(rank) + " has given no sign of life for " + in_words(silence_));
  }
}

void Monitor::judge_progress(Time now) {
  size_t channels = 0;
  for (const Process& process : processes_) channels = std::max(channels, process.entered.size());
  for (size_t channel = 0; channel < channels; channel++) {
    uint64_t most = 0;
    for (Process& process : processes_) {
      note(process, channel, process.entered.size() > channel ? process.entered[channel] : 0);
      most = std::max(most, process.entered[channel]);
    }
    for (int rank = 0; rank < static_cast<int>(processes_.size()); rank++) {
      Process& process = processes_[static_cast<size_t>(rank)];
      if (process.entered[channel] == most || process.left) {
        process.since[channel] = now;
      } else if (seconds_between(process.since[channel], now) > stall_) {
        give_up(name(rank) + " has not come to where the others wait for " + in_words(stall_) + ": it hangs");
      }
    }
  }
}

void Monitor::give_up(const std::string& line) {
  if (!verdict_->set(line)) return;
  tell(MessageKind::over, line);
  left_.notify_all();
}

// Who cannot be told is gone, which shows by itself.
void Monitor::tell(MessageKind kind, const std::string& text) {
  for (Process& process : processes_) {
    if (process.link) process.link.send(kind, text);
  }
}

bool Monitor::all_left() const {
  return std::all_of(processes_.begin(), processes_.end(), [](const Process& process) { return process.left; });
}

std::string Monitor::name(int rank) const {
  const Member& member = members_[static_cast<size_t>(rank)];
  const std::string& devices = processes_[static_cast<size_t>(rank)].devices;
  return "process " + std::to_string(rank) + " (" + (devices.empty() ? "" : devices + ", ") + member.host + ", pid " +
         std::to_string(member.process) + ")";
}

void Monitor::enter(int channel) {
  const std::lock_guard lock(mutex_);
  Process& own = processes_[static_cast<size_t>(rank_)];
  const auto index = static_cast<size_t>(channel);
  note(own, index, own.entered.size() > index ? own.entered[index] + 1 : 1);
}

void Monitor::set_devices(const std::string& devices) {
  const std::lock_guard lock(mutex_);
  processes_[static_cast<size_t>(rank_)].devices = one_line(devices);
  tell(MessageKind::devices, one_line(devices));
}

void Monitor::fail(const std::string& why) {
  const std::lock_guard lock(mutex_);
  const auto own = static_cast<size_t>(rank_);
  const std::string& devices = processes_[own].devices;
  give_up("process " + std::to_string(rank_) + " (" + (devices.empty() ? "" : devices + " on ") + members_[own].host +
          ") stopped: " + one_line(why));
}

void Monitor::leave() {
  std::unique_lock lock(mutex_);
  processes_[static_cast<size_t>(rank_)].left = true;
  tell(MessageKind::left, "");
  if (rank_ == 0) left_.wait(lock, [&] { return verdict_->is_set() || all_left(); });
  verdict_->check();
}

}  // namespace aot
