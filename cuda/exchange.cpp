#include "exchange.h"

#include <chrono>
#include <thread>

#include "backend/error.h"

namespace aot::cuda {

Exchange::Exchange(Communicator& communicator, const Buckets& buckets, float* gradients)
    : communicator_(communicator),
      buckets_(buckets),
      gradients_(gradients),
      progress_(buckets),
      stream_(create_stream()),
      made_(create_event()),
      summed_(create_event()) {}

Exchange::~Exchange() {
  try {
    communicator_.leave();
    record(made_, stream_);
    wait(made_);
  } catch (const Error&) {
    // The group is over, and what it waited for ends; or the device is lost.
    try {
      synchronize(stream_);
    } catch (const Error&) {
    }
  }
  destroy_event(made_);
  destroy_event(summed_);
  destroy_stream(stream_);
}

void Exchange::begin() {
  progress_.start(1);
  turn_ = 0;
}

int Exchange::final(ParameterId first, ParameterId last) {
  progress_.final(first, last);
  int end = turn_;
  while (end < count() && progress_.complete(end)) end++;
  return end;
}

void Exchange::issue(int end, Stream stream) {
  if (turn_ >= end) return;
  record(made_, stream);
  cuda::wait(stream_, made_);
  for (; turn_ < end; turn_++) {
    const auto [first, last] = buckets_[turn_];
    communicator_.all_reduce(gradients_ + first, last - first, stream_);
  }
  record(summed_, stream_);
  joined_ = false;
}

void Exchange::join(Stream stream) {
  if (joined_) return;
  cuda::wait(stream, summed_);
  joined_ = true;
}

void Exchange::wait(Event event) const {
  const auto start = std::chrono::steady_clock::now();
  for (unsigned turn = 0;; turn++) {
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
    if (turn % 64 == 0) communicator_.check(waited.count());
    if (done(event)) return;
    std::this_thread::yield();
  }
}

}  // namespace aot::cuda
