// defines: PersistentShape, PersistentVariant, PersistentPlan, plan_persistent
//
// Into which blocks rnn_persistent.cuh divides a layer: groups of hidden units times tiles of sequences.
#pragma once
#include <cstddef>
#include <functional>

namespace aot::cuda::rnn {

// A block owns 8 * unit_tiles hidden units. Its 8 warps take 32 sequences each of row_groups such groups in a pass; the
// 8 / row_groups warps of a group share the sums' dimension among them.
struct PersistentVariant {
  int unit_tiles, row_groups;
};
// unit_tiles * row_groups: the steps a thread makes in a pass, whose inputs it holds in registers.
constexpr PersistentVariant persistent_variants[] = {{1, 1}, {1, 2}, {1, 4}, {2, 1}, {2, 2}, {4, 1}};

constexpr int persistent_warps = 8, persistent_threads = 32 * persistent_warps;
// Floats from one sequence's sums to the next: 8 or 24 modulo 32, so that what a warp writes and reads at once lies in
// different banks.
template <int sums>
constexpr int sums_stride = sums * 8 + (sums % 2 == 0 ? 8 : 0);

// Of one direction of a layer; depth and sums as in rnn.cuh.
struct PersistentShape {
  int depth, sums, sums_stride, batch, width;
};

struct PersistentPlan {
  int variant = -1;                     // of persistent_variants; -1: there is no way
  int groups = 0, tiles = 0, rows = 0;  // rows: most sequences of a tile
  size_t shared_bytes = 0;
  double clocks = 0;  // of a step, predicted, without the wait for other blocks
};

// resident(variant, shared_bytes): blocks that a multiprocessor holds.
PersistentPlan plan_persistent(const PersistentShape& shape, int multiprocessors,
                               const std::function<int(int, size_t)>& resident);

}  // namespace aot::cuda::rnn
