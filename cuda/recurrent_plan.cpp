#include "recurrent_plan.h"

#include <algorithm>
#include <iterator>

namespace aot::cuda::recurrent {
namespace {

// What a multiprocessor of sm_80 to sm_90 does in a clock.
constexpr double l2_bytes = 64, shared_memory_bytes = 128, multiply_adds = 1024;
// From the last write before a barrier among blocks to the first read after it; from one kernel of a graph to what the
// next one gives, its own work aside.
constexpr double barrier_clocks = 2500, launch_clocks = 4000;

constexpr int most_passes = 8;  // with more, products over the whole device are better

double predicted_clocks(const PersistentShape& shape, const PersistentVariant& variant, int rows) {
  const double depth = static_cast<double>(shape.depth) * shape.width, columns = variant.unit_tiles * 8.0 * shape.sums;
  const int pass_rows = 32 * variant.row_groups, passes = (rows + pass_rows - 1) / pass_rows;
  const double from_others = rows * depth * 2 / l2_bytes;
  const double weights = passes * variant.row_groups * columns * depth * 2 / shared_memory_bytes;
  // Written and read once by each warp.
  const double sums = passes * 2.0 * persistent_warps * 32 * columns * 4 / shared_memory_bytes;
  return from_others + weights + sums + rows * columns * depth / multiply_adds;
}

size_t shared_bytes_of(const PersistentShape& shape, const PersistentVariant& variant, int rows) {
  const auto units = static_cast<size_t>(8 * variant.unit_tiles);
  const size_t weights = units * static_cast<size_t>(shape.sums) * static_cast<size_t>(shape.depth * shape.width) * 2;
  const size_t sums = static_cast<size_t>(persistent_warps * 32 * shape.sums_stride) * 4;
  return weights + sums + static_cast<size_t>(rows) * units * 4;
}

}  // namespace

PersistentPlan plan_persistent(const PersistentShape& shape, int multiprocessors,
                               const std::function<int(int, size_t)>& resident) {
  PersistentPlan best;
  if (shape.width % 32 != 0) return best;
  const int whole_batch = (shape.batch + 15) / 16 * 16;
  for (size_t i = 0; i < std::size(persistent_variants); i++) {
    const PersistentVariant& variant = persistent_variants[i];
    const int units = 8 * variant.unit_tiles, groups = shape.width / units;
    if (shape.width % units != 0) continue;
    const int most_rows = std::min(whole_batch, most_passes * 32 * variant.row_groups);
    for (int rows = 16; rows <= most_rows; rows += 16) {
      const int tiles = (shape.batch + rows - 1) / rows;
      const size_t shared_bytes = shared_bytes_of(shape, variant, rows);
      const int blocks = groups * tiles;
      if (blocks > 32 * multiprocessors || blocks > multiprocessors * resident(static_cast<int>(i), shared_bytes)) {
        continue;
      }
      // Blocks on one multiprocessor share what it does.
      const int together = (blocks + multiprocessors - 1) / multiprocessors;
      const double clocks = barrier_clocks + together * predicted_clocks(shape, variant, rows);
      if (best.variant < 0 || clocks < best.clocks) {
        best = {static_cast<int>(i), groups, tiles, rows, shared_bytes, clocks};
      }
    }
  }
  return best;
}

double predicted_clocks_in_steps(const PersistentShape& shape, int multiprocessors) {
  const double columns = static_cast<double>(shape.sums) * shape.width;
  const double depth = static_cast<double>(shape.depth) * shape.width;
  return 2 * launch_clocks + shape.batch * columns * depth / (multiply_adds * multiprocessors);
}

}  // namespace aot::cuda::recurrent
