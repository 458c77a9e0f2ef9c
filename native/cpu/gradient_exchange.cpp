#include "cpu/gradient_exchange.h"

#include <exception>
#include <utility>

namespace aot::cpu {

GradientExchange::GradientExchange(Communicator& communicator, const Buckets& buckets, Gradients gradients)
    : communicator_(communicator),
      buckets_(buckets),
      gradients_(std::move(gradients)),
      progress_(buckets),
      thread_([this] { work(); }) {}

GradientExchange::~GradientExchange() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void GradientExchange::exchange(int turn) {
  const auto [begin, end] = buckets_[turn];
  communicator_.all_reduce(gradients_.data() + begin, end - begin, nullptr);
}

void GradientExchange::start(int lanes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !busy_; });  // with a pass that was given up
  progress_.start(lanes);
  turn_ = 0;
  passing_ = true;
  error_ = nullptr;
}

void GradientExchange::final(ParameterId first, ParameterId last) {
  progress_.final(first, last);
  // Under the lock, so that the thread does not go to sleep between its look and this call.
  { const std::lock_guard lock(mutex_); }
  changed_.notify_all();
}

void GradientExchange::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(
        lock, [&] { return stop_ || (passing_ && !error_ && turn_ < buckets_.count() && progress_.complete(turn_)); });
    if (stop_) return;
    const int turn = turn_;
    busy_ = true;
    lock.unlock();
    std::exception_ptr error;
    try {
      const auto [begin, end] = buckets_[turn];
      gradients_.fold(begin, end);
      exchange(turn);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    turn_ = turn + 1;
    error_ = error;
    changed_.notify_all();
  }
}

void GradientExchange::finish() {
  std::unique_lock lock(mutex_);
  passing_ = false;
  changed_.wait(lock, [&] { return !busy_; });
  if (error_) std::rethrow_exception(error_);
  const int left = turn_;
  lock.unlock();
  // The lanes' threads are free now.
  for (int turn = left; turn < buckets_.count(); turn++) gradients_.fold_all(buckets_[turn].begin, buckets_[turn].end);
  for (int turn = left; turn < buckets_.count(); turn++) exchange(turn);
}

void GradientExchange::give_up() {
  const std::lock_guard lock(mutex_);
  passing_ = false;
}

void GradientExchange::exchange_all() {
  for (int turn = 0; turn < buckets_.count(); turn++) gradients_.fold_all(buckets_[turn].begin, buckets_[turn].end);
  for (int turn = 0; turn < buckets_.count(); turn++) exchange(turn);
}

}  // namespace aot::cpu
