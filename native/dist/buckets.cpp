#include "dist/buckets.h"

#include <algorithm>
#include <numeric>

namespace aot {

Buckets::Buckets(const ParameterTable& table, const std::vector<ParameterId>& order, int64_t size) {
  const int64_t elements = table.block_size();
  const int64_t count = (elements + size - 1) / size;
  // The place in the order of the last parameter that each piece of the block waits for.
  std::vector<int> last(static_cast<size_t>(count), -1), parts(static_cast<size_t>(count), 0);
  const auto pieces = [&](ParameterId id, auto each) {
    const Parameter& parameter = table[id];
    const int64_t end = parameter.offset + parameter.padded_rows * parameter.cols;
    for (int64_t piece = parameter.offset / size; piece <= (end - 1) / size; piece++) each(static_cast<size_t>(piece));
  };
  for (size_t place = 0; place < order.size(); place++) {
    pieces(order[place], [&](size_t piece) {
      last[piece] = static_cast<int>(place);
      parts[piece]++;
    });
  }
  std::vector<size_t> by_turn(static_cast<size_t>(count));
  std::iota(by_turn.begin(), by_turn.end(), size_t{0});
  // Of pieces that are complete at once, the last of the block comes first, as the backward pass goes.
  std::sort(by_turn.begin(), by_turn.end(),
            [&](size_t a, size_t b) { return last[a] != last[b] ? last[a] < last[b] : a > b; });
  turns_.resize(static_cast<size_t>(table.count()));
  for (size_t turn = 0; turn < by_turn.size(); turn++) {
    const auto begin = static_cast<int64_t>(by_turn[turn]) * size;
    ranges_.push_back({begin, std::min(begin + size, elements)});
    parameters_.push_back(parts[by_turn[turn]]);
  }
  std::vector<int> turn_of(by_turn.size());
  for (size_t turn = 0; turn < by_turn.size(); turn++) turn_of[by_turn[turn]] = static_cast<int>(turn);
  for (ParameterId id : order) {
    pieces(id, [&](size_t piece) { turns_[static_cast<size_t>(id)].push_back(turn_of[piece]); });
  }
}

BucketProgress::BucketProgress(const Buckets& buckets)
    : buckets_(buckets), missing_(std::make_unique<std::atomic<int>[]>(static_cast<size_t>(buckets.count()))) {}

void BucketProgress::start(int lanes) {
  for (size_t turn = 0; turn < buckets_.parameters_.size(); turn++) missing_[turn] = buckets_.parameters_[turn] * lanes;
}

void BucketProgress::final(ParameterId first, ParameterId last) {
  for (ParameterId id = first; id <= last; id++) {
    for (int turn : buckets_.turns_[static_cast<size_t>(id)]) {
      missing_[static_cast<size_t>(turn)].fetch_sub(1, std::memory_order_acq_rel);
    }
  }
}

bool BucketProgress::complete(int turn) const {
  return missing_[static_cast<size_t>(turn)].load(std::memory_order_acquire) == 0;
}

}  // namespace aot
