// defines: aot::Buckets, aot::BucketProgress
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/parameters.h"

namespace aot {

// A block of gradients cut into pieces of a fixed size, in the order in which a backward pass completes them. That
// order comes from the model alone, so that all replicas exchange the same bucket at the same time.
class Buckets {
 public:
  struct Range {
    int64_t begin = 0, end = 0;  // elements of the block
  };

  // order: every parameter once, as their gradients become final in a backward pass (Model::gradient_order). size:
  // elements of a bucket; the last of the block is smaller.
  Buckets(const ParameterTable& table, const std::vector<ParameterId>& order, int64_t size);

  int count() const { return static_cast<int>(ranges_.size()); }
  // Bucket number `turn` in the order of exchange.
  Range operator[](int turn) const { return ranges_[static_cast<size_t>(turn)]; }

 private:
  friend class BucketProgress;
  std::vector<Range> ranges_;
  std::vector<int> parameters_;          // by turn: how many parameters have a part in the bucket
  std::vector<std::vector<int>> turns_;  // by ParameterId: the buckets that have a part of it
};

// How far one backward pass has come.
class BucketProgress {
 public:
  explicit BucketProgress(const Buckets& buckets);
  // Before a pass, in which so many lanes will report.
  void start(int lanes);
  // A lane will add no more to the gradients of these parameters (first to last). From any lane's thread; once a
  // parameter and lane.
  void final(ParameterId first, ParameterId last);
  // Whether every lane has reported all of the bucket: what the lanes wrote to it before is visible then.
  bool complete(int turn) const;

 private:
  const Buckets& buckets_;
  std::unique_ptr<std::atomic<int>[]> missing_;  // by turn
};

}  // namespace aot
