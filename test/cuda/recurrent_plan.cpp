// Prints how cuda/recurrent_plan.cpp divides layers. Each line of the input is one: depth, sums, floats a sum, batch,
// width; multiprocessors, most blocks of each, KiB of shared memory of each, KiB that a block may have. Each line of the
// output: units and row groups of the variant (0 0: there is no way), groups, tiles, rows, bytes of shared memory,
// clocks, clocks in steps.
#include "recurrent_plan.h"

#include <algorithm>
#include <cstdio>

using namespace aot::cuda::recurrent;

int main() {
  PersistentShape shape;
  int multiprocessors, most_blocks, shared, block_shared;
  while (std::scanf("%d %d %d %d %d %d %d %d %d", &shape.depth, &shape.sums, &shape.sums_stride, &shape.batch,
                    &shape.width, &multiprocessors, &most_blocks, &shared, &block_shared) == 9) {
    const PersistentPlan plan = plan_persistent(shape, multiprocessors, [&](int, size_t bytes) {
      if (bytes > static_cast<size_t>(block_shared) * 1024) return 0;
      return std::min(most_blocks, static_cast<int>(static_cast<size_t>(shared) * 1024 / (bytes + 1024)));
    });
    const PersistentVariant none{0, 0}, variant = plan.variant < 0 ? none : persistent_variants[plan.variant];
    std::printf("%d %d %d %d %d %zu %.0f %.0f\n", 8 * variant.unit_tiles, variant.row_groups, plan.groups, plan.tiles,
                plan.rows, plan.shared_bytes, plan.clocks, predicted_clocks_in_steps(shape, multiprocessors));
  }
}
