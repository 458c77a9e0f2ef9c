#include "peer_communicator.h"

#include <algorithm>
#include <utility>

#include "backend/error.h"

namespace aot::cuda {
namespace {

struct Segment {
  int64_t begin, end;
};

// Whole packs of 4, so that they are aligned where the data is.
int64_t segment_size(int64_t count, int ranks) { return (count + 4 * ranks - 1) / (4 * ranks) * 4; }

Segment segment(int64_t count, int ranks, int rank) {
  const int64_t size = segment_size(count, ranks);
  return {std::min(rank * size, count), std::min((rank + 1) * size, count)};
}

size_t bytes_of(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

}  // namespace

PeerCommunicator::Group::Group(std::vector<std::string> names, double stall_seconds)
    : meeting(names, stall_seconds), places(names.size()) {
  for (size_t rank = 0; rank < names.size(); rank++) {
    places[rank].device = find_device(names[rank]);
    select_device(places[rank].device);
    places[rank].ready = create_event();
    places[rank].done = create_event();
  }
  for (const Place& place : places) {
    select_device(place.device);
    for (const Place& other : places) enable_peer_access(other.device);
  }
}

PeerCommunicator::Group::~Group() {
  for (const Place& place : places) {
    destroy_event(place.ready);
    destroy_event(place.done);
  }
}

void PeerCommunicator::all_reduce(float* data, int64_t count, void* native_stream) {
  if (size() == 1) return;
  const auto stream = static_cast<Stream>(native_stream);
  Place& own = group_->places[static_cast<size_t>(rank_)];
  own.data = data;
  own.count = count;
  record(own.ready, stream);
  group_->meeting.meet(rank_);
  sum_own_segment(data, count, stream);
  group_->meeting.meet(rank_);
  // From here on the data is the sum, and nobody touches it.
  for (const Place& place : group_->places) wait(stream, place.done);
}

void PeerCommunicator::sum_own_segment(float* data, int64_t count, Stream stream) {
  Place& own = group_->places[static_cast<size_t>(rank_)];
  const std::lock_guard lock(own.issuing);
  if (group_->left) fail(ErrorCode::device, "another replica has stopped");
  for (const Place& place : group_->places) {
    if (place.count != count) fail(ErrorCode::internal, "replicas that exchange different buckets: report this");
  }
  const auto [begin, end] = segment(count, size(), rank_);
  const int64_t stride = segment_size(count, size());
  const size_t needed = bytes_of(stride) * static_cast<size_t>(size() - 1);
  if (shares_.bytes() < needed) {
    synchronize(stream);
    shares_ = {};
    shares_ = DeviceMemory(needed, "the exchange of gradients");
  }
  // Each begins with the rank after it, so that not all ask one device at the same time.
  const auto for_others = [&](auto each) {
    for (int i = 1; i < size(); i++) {
      const int other = (rank_ + i) % size();
      each(group_->places[static_cast<size_t>(other)], other < rank_ ? other : other - 1);
    }
  };
  for_others([&](const Place& other, int share) {
    wait(stream, other.ready);
    if (begin < end) copy(shares_.floats() + share * stride, other.data + begin, bytes_of(end - begin), stream);
  });
  add_shares(stream, multiprocessors_, shares_.floats(), stride, size(), rank_, end - begin, data + begin);
  for_others([&](const Place& other, int) {
    if (begin < end) copy(other.data + begin, data + begin, bytes_of(end - begin), stream);
  });
  record(own.done, stream);
}

void PeerCommunicator::leave() {
  group_->left = true;
  abort("another replica has stopped");
  for (Place& place : group_->places) {
    { const std::lock_guard lock(place.issuing); }
    synchronize(place.done);
  }
}

std::vector<std::unique_ptr<Communicator>> make_peer_communicators(const std::vector<std::string>& devices,
                                                                   double stall_seconds) {
  const auto group = std::make_shared<PeerCommunicator::Group>(devices, stall_seconds);
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (size_t rank = 0; rank < devices.size(); rank++) {
    const int multiprocessors = device_properties(group->places[rank].device).multiprocessors;
    communicators.push_back(std::make_unique<PeerCommunicator>(group, static_cast<int>(rank), multiprocessors));
  }
  return communicators;
}

}  // namespace aot::cuda
