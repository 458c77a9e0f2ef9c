// Replicas: the blocks as one, the shares of the gradients, and what goes from the first process to the others.
#include <algorithm>
#include <cstring>

#include "backend/error.h"
#include "dist/replicas.h"
#include "io/digest.h"

namespace aot {
namespace {

// Floats that go between processes, or through a digest, at a time.
constexpr int64_t piece = int64_t{1} << 20;

template <class Each>
void in_pieces(int64_t count, Each each) {
  for (int64_t at = 0; at < count; at += piece) each(at, std::min(piece, count - at));
}

}  // namespace

void Replicas::read(Block block, int64_t offset, int64_t count, float* host) {
  if (block != Block::gradients || reduced_) return replicas_[0]->read(block, offset, count, host);
  replicas_[0]->read(block, offset, count, host);
  std::vector<float> share(static_cast<size_t>(count));
  for (size_t i = 1; i < replicas_.size(); i++) {
    replicas_[i]->read(block, offset, count, share.data());
    for (int64_t at = 0; at < count; at++) host[at] += share[static_cast<size_t>(at)];
  }
  if (channel_) channel_->all_reduce(host, count);
}

void Replicas::write(Block block, int64_t offset, int64_t count, const float* host) {
  if (block != Block::gradients) {
    for (const auto& replica : replicas_) replica->write(block, offset, count, host);
    return;
  }
  for (int share = 0; share < total_; share++) write_share(share, offset, count, share == 0 ? host : nullptr);
}

void Replicas::weights_changed() {
  each([&](int i) { replicas_[static_cast<size_t>(i)]->weights_changed(); });
}

void Replicas::read_share(int share, int64_t offset, int64_t count, float* host) {
  if (reduced_) return replicas_[0]->read(Block::gradients, offset, count, host);
  const int process = owner(share);
  if (process == world_->rank()) {
    replicas_[static_cast<size_t>(share - first_)]->read(Block::gradients, offset, count, host);
  }
  if (channel_) channel_->broadcast(host, static_cast<size_t>(count) * sizeof(float), process);
}

void Replicas::write_share(int share, int64_t offset, int64_t count, const float* host) {
  const std::vector<float> zeros(host ? 0 : static_cast<size_t>(count));
  const float* values = host ? host : zeros.data();
  if (owner(share) == world_->rank()) {
    replicas_[static_cast<size_t>(share - first_)]->write(Block::gradients, offset, count, values);
    return;
  }
  std::vector<float>& kept = foreign_shares_[static_cast<size_t>(share)];
  kept.resize(static_cast<size_t>(table_->block_size()));
  std::copy_n(values, count, kept.begin() + offset);
}

void Replicas::spread() {
  if (!channel_) return;
  const bool root = world_->rank() == 0;
  const int64_t size = table_->block_size();
  std::vector<float> values(static_cast<size_t>(std::min(piece, size)));
  for (Block block : {Block::weights, Block::moment1, Block::moment2}) {
    in_pieces(size, [&](int64_t at, int64_t count) {
      if (root) replicas_[0]->read(block, at, count, values.data());
      channel_->broadcast(values.data(), static_cast<size_t>(count) * sizeof(float), 0);
      if (!root) write(block, at, count, values.data());
    });
  }
  weights_changed();
  for (int share = 0; share < total_; share++) {
    const int process = owner(share);
    if (process == 0) continue;
    std::vector<float>& kept = foreign_shares_[static_cast<size_t>(share)];
    char given = root && !kept.empty();
    channel_->broadcast(&given, 1, 0);
    if (!given) continue;
    in_pieces(size, [&](int64_t at, int64_t count) {
      if (root) std::copy_n(kept.begin() + at, count, values.begin());
      channel_->broadcast(values.data(), static_cast<size_t>(count) * sizeof(float), 0);
      if (process == world_->rank()) write_share(share, at, count, values.data());
    });
    kept = {};
  }
}

void Replicas::check_alike() {
  const int64_t size = table_->block_size();
  constexpr size_t width = 32;  // of a digest
  std::vector<char> digests(width * static_cast<size_t>(total_));
  each([&](int i) {
    std::vector<float> values(static_cast<size_t>(std::min(piece, size)));
    Digest digest;
    in_pieces(size, [&](int64_t at, int64_t count) {
      replicas_[static_cast<size_t>(i)]->read(Block::weights, at, count, values.data());
      digest.add(values.data(), static_cast<size_t>(count) * sizeof(float));
    });
    std::memcpy(digests.data() + width * static_cast<size_t>(first_ + i), digest.hex().data(), width);
  });
  if (channel_) {
    std::vector<size_t> ends;
    for (size_t process = 1; process < firsts_.size(); process++) {
      ends.push_back(width * static_cast<size_t>(firsts_[process]));
    }
    channel_->all_gather(digests.data(), ends);
  }
  for (int replica = 1; replica < total_; replica++) {
    if (std::memcmp(digests.data(), digests.data() + width * static_cast<size_t>(replica), width) == 0) continue;
    fail(ErrorCode::numeric, "not saved: the weights of replica " + std::to_string(replica) + " in process " +
                                 std::to_string(owner(replica)) +
                                 " are no longer those of replica 0, as those of a device that computes wrongly: the "
                                 "last checkpoint is whole; test the memory and the devices of that machine");
  }
}

}  // namespace aot
