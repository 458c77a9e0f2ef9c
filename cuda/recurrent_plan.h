// defines: PersistentShape, PersistentVariant, PersistentPlan, plan_persistent, predicted_clocks_in_steps
//
// Into which blocks recurrent_persistent.cuh divides a layer, groups of hidden units times tiles of sequences, and
// whether that is better than going token by token. Clocks are predicted, not measured.
#pragma once
#include <cstddef>
#include <functional>

namespace aot::cuda::recurrent {

// A block owns 8 * unit_tiles hidden units. In a pass its 8 warps take 32 sequences for each of row_groups groups; the
// 8 / row_groups warps of a group share what the product sums over.
struct PersistentVariant {
  int unit_tiles, row_groups;
};
// unit_tiles * row_groups: the steps that a thread makes in a pass, whose inputs it holds in registers.
constexpr PersistentVariant persistent_variants[] = {{1, 1}, {1, 2}, {1, 4}, {2, 1}, {2, 2}, {4, 1}};

constexpr int persistent_warps = 8, persistent_threads = 32 * persistent_warps;
// Floats from one sequence's sums to the next: 8 or 24 modulo 32, so that what a warp writes and reads at once lies in
// different banks.
template <int sums>
constexpr int sums_stride = sums * 8 + (sums % 2 == 0 ? 8 : 0);

// One direction of a layer; depth and sums as in recurrent.cuh.
struct PersistentShape {
  int depth, sums, sums_stride, batch, width;
};

struct PersistentPlan {
  int variant = -1;  // of persistent_variants; -1: there is no way
  int groups = 0, tiles = 0;
  int rows = 0;  // most sequences of a tile
  size_t shared_bytes = 0;
  double clocks = 0;  // of a step
};

// The best way for a device. resident(variant, shared_bytes): blocks that a multiprocessor holds.
PersistentPlan plan_persistent(const PersistentShape& shape, int multiprocessors,
                               const std::function<int(int, size_t)>& resident);

// Of a step made by recurrent_steps.cuh.
double predicted_clocks_in_steps(const PersistentShape& shape, int multiprocessors);

}  // namespace aot::cuda::recurrent
