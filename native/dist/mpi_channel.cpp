#include "dist/mpi_channel.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "backend/error.h"

namespace aot {
namespace {

// Of a message, all parts together, and of the memory for each direction.
constexpr size_t most_bytes = 8 << 20;
// What is larger goes to all by way of all.
constexpr size_t small_bytes = 64 << 10;

using Clock = std::chrono::steady_clock;

// Between two looks: at first nothing, for what comes at once, then a sleep, for the threads that share the core.
void rest(Clock::duration waited) {
  if (waited < std::chrono::microseconds(50)) {
    std::this_thread::yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(waited < std::chrono::milliseconds(20) ? 20 : 100));
  }
}

}  // namespace

MpiChannel::MpiChannel(std::shared_ptr<Mpi> mpi, int number, Watch watch)
    : mpi_(std::move(mpi)),
      number_(number),
      rank_(mpi_->rank()),
      size_(mpi_->size()),
      watch_(std::move(watch)),
      out_(std::make_unique_for_overwrite<std::byte[]>(most_bytes)),
      in_(std::make_unique_for_overwrite<std::byte[]>(most_bytes)) {}

MpiChannel::~MpiChannel() {
  if (!on_its_way_) return;
  static_cast<void>(out_.release());
  static_cast<void>(in_.release());
}

void MpiChannel::exchange(const std::vector<Part>& sends, const std::vector<Part>& receives) {
  on_its_way_ = true;
  const auto broken = [&] {
    // Most often because a process is gone: then its name is soon known.
    for (const Clock::time_point limit = Clock::now() + std::chrono::seconds(3); Clock::now() < limit;) {
      watch_.check();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    fail(ErrorCode::device,
         "MPI reports an error, or the processes are not of the same build: see what MPI has printed");
  };
  std::vector<void*> pending;
  mpi_->with([&](const AotMpi& mpi) {
    watch_.check();
    for (const Part& part : receives) {
      pending.push_back(mpi.receive(in_.get() + part.offset, static_cast<int>(part.bytes), part.rank, number_));
    }
    for (const Part& part : sends) {
      pending.push_back(mpi.send(out_.get() + part.offset, static_cast<int>(part.bytes), part.rank, number_));
    }
  });
  if (std::find(pending.begin(), pending.end(), nullptr) != pending.end()) broken();
  const Clock::time_point begin = Clock::now();
  while (!pending.empty()) {
    int outcome = 0;
    mpi_->with([&](const AotMpi& mpi) {
      watch_.check();
      std::erase_if(pending, [&](void* request) {
        if (outcome >= 0) outcome = mpi.test(request);
        return outcome == 1;
      });
    });
    if (outcome < 0) broken();
    if (pending.empty()) break;
    const Clock::duration waited = Clock::now() - begin;
    if (std::chrono::duration<double>(waited).count() > watch_.patience) {
      fail(ErrorCode::device, "the processes all live, but messages of MPI have not come for " +
                                  std::to_string(static_cast<int64_t>(watch_.patience)) +
                                  " seconds: look at the network between the machines");
    }
    rest(waited);
  }
  on_its_way_ = false;
}

void MpiChannel::begin() {
  watch_.enter();
  watch_.check();
}

void MpiChannel::barrier() {
  begin();
  for (int distance = 1; distance < size_; distance *= 2) {
    exchange({{(rank_ + distance) % size_, 0, 1}}, {{(rank_ - distance + size_) % size_, 0, 1}});
  }
}

void MpiChannel::broadcast(void* data, size_t bytes, int root) {
  begin();
  for (size_t done = 0; done < bytes; done += most_bytes) {
    std::byte* piece = static_cast<std::byte*>(data) + done;
    const size_t length = std::min(most_bytes, bytes - done);
    // Of a large piece each gets a share, and from the others the rest.
    const bool small = length <= small_bytes;
    std::vector<size_t> ends;
    for (int rank = 1; rank <= size_; rank++)
      ends.push_back(length * static_cast<size_t>(rank) / static_cast<size_t>(size_));
    const auto part = [&](int rank) -> Part {
      if (small) return {rank, 0, length};
      const size_t begin = rank == 0 ? 0 : ends[static_cast<size_t>(rank) - 1];
      return {rank, begin, ends[static_cast<size_t>(rank)] - begin};
    };
    if (rank_ == root) {
      std::memcpy(out_.get(), piece, length);
      std::vector<Part> sends;
      for (int rank = 0; rank < size_; rank++) {
        if (rank != root) sends.push_back(part(rank));
      }
      exchange(sends, {});
    } else {
      const Part own = part(rank_);
      exchange({}, {{root, own.offset, own.bytes}});
      std::memcpy(piece + own.offset, in_.get() + own.offset, own.bytes);
    }
    if (!small) gather(piece, ends);
  }
}

void MpiChannel::all_gather(void* data, std::span<const size_t> ends) {
  begin();
  gather(static_cast<std::byte*>(data), ends);
}

void MpiChannel::gather(std::byte* data, std::span<const size_t> ends) {
  const auto begin = [&](int rank) { return rank == 0 ? 0 : ends[static_cast<size_t>(rank) - 1]; };
  const auto length = [&](int rank) { return ends[static_cast<size_t>(rank)] - begin(rank); };
  size_t longest = 0;
  for (int rank = 0; rank < size_; rank++) longest = std::max(longest, length(rank));
  const size_t most = most_bytes / static_cast<size_t>(size_);
  for (size_t done = 0; done < longest; done += most) {
    // In this round each sends the same part of what it has.
    const auto part = [&](int rank) { return std::min(most, length(rank) - std::min(done, length(rank))); };
    std::memcpy(out_.get(), data + begin(rank_) + done, part(rank_));
    std::vector<Part> sends, receives;
    for (int rank = 0; rank < size_; rank++) {
      if (rank == rank_) continue;
      if (part(rank_) > 0) sends.push_back({rank, 0, part(rank_)});
      if (part(rank) > 0) receives.push_back({rank, most * static_cast<size_t>(rank), part(rank)});
    }
    exchange(sends, receives);
    for (const Part& got : receives) std::memcpy(data + begin(got.rank) + done, in_.get() + got.offset, got.bytes);
  }
}

void MpiChannel::all_reduce(float* data, int64_t count) {
  begin();
  // So that the segments of all, of which the first may be the longest, fit.
  const size_t most = most_bytes / sizeof(float) / static_cast<size_t>(size_) * static_cast<size_t>(size_);
  const auto all = static_cast<size_t>(count);
  for (size_t done = 0; done < all; done += most) reduce(data + done, std::min(most, all - done));
}

// Each sums a segment, in the order of the ranks, and sends the sum to all.
void MpiChannel::reduce(float* data, size_t count) {
  const auto begin = [&](int rank) { return count * static_cast<size_t>(rank) / static_cast<size_t>(size_); };
  const auto length = [&](int rank) { return begin(rank + 1) - begin(rank); };
  const size_t own = begin(rank_), own_length = length(rank_), own_bytes = own_length * sizeof(float);
  std::memcpy(out_.get(), data, count * sizeof(float));
  std::vector<Part> sends, receives;
  std::vector<size_t> ends;
  for (int rank = 0; rank < size_; rank++) {
    ends.push_back(begin(rank + 1) * sizeof(float));
    if (rank == rank_) continue;
    if (length(rank) > 0) sends.push_back({rank, begin(rank) * sizeof(float), length(rank) * sizeof(float)});
    if (own_bytes > 0) receives.push_back({rank, own_bytes * static_cast<size_t>(rank), own_bytes});
  }
  exchange(sends, receives);
  // From here on the memory of what comes holds what each has sent for the own segment.
  auto* segments = reinterpret_cast<float*>(in_.get());
  std::copy_n(data + own, own_length, segments + own_length * static_cast<size_t>(rank_));
  std::copy_n(segments, own_length, data + own);
  for (int rank = 1; rank < size_; rank++) {
    const float* segment = segments + own_length * static_cast<size_t>(rank);
    for (size_t i = 0; i < own_length; i++) data[own + i] += segment[i];
  }
  gather(reinterpret_cast<std::byte*>(data), ends);
}

}  // namespace aot
