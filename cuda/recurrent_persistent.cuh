// defines: run
//
// A pass of a recurrent layer in one launch. A step's product alone reads all of weight_hh, 4.7 MB for an LSTM of width
// 768, and is over in less time than a launch takes; so blocks keep their part of weight_hh in shared memory for the
// whole window. A block owns some hidden units, with all their gates, for a tile of the sequences: it makes their sums
// on tensor cores and their steps, whose fp32 state stays in shared memory as well. What a step leaves for the others
// (the hidden state, or backwards the gradients of all gates) is an output of the op anyway, with a place for each
// token: the blocks of a tile exchange it by way of the second-level cache, no place is ever written twice, and one
// barrier a step is enough. Needs bf16 and a width that is a multiple of 32.
//
// Predicted, not measured: a step of an LSTM of width 768 on an H100, 32 sequences, waits 1 to 1.5 us for the barrier;
// a block reads 49 KB forwards or 98 KB backwards of what others left at 64 bytes a clock, 0.4 or 0.9 us, and its
// products, 0.8 million multiply-adds, take 0.4 us. Step by step there would be two launches, of 2 us and more each.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "backend/error.h"
#include "recurrent_plan.h"
#include "recurrent_steps.cuh"

namespace aot::cuda::recurrent {

// --- weights -------------------------------------------------------------------------------------------------------

// In shared memory the weights lie in the order in which lanes take them: pieces of 8 rows (units of one gate) x 32
// columns (of what is summed over), in each of which a lane's 8 elements lie together. A mma sums over 16 columns, and
// any order of them will do: lane 4r + q has columns 8q to 8q+7 of row r, the first four for one mma, the others for
// the next. Lanes take their elements of the left side in the same order, which makes them 16 bytes of a row.
constexpr int piece_columns = 32, piece_size = 8 * piece_columns;

template <class P, int unit_tiles>
__device__ __forceinline__ void load_weights(bf16* to, const bf16* weight, int width, int first_unit) {
  if constexpr (P::backwards) {
    // Columns of the matrix: eight units of a row are read at once and go to eight lanes' places.
    for (int i = threadIdx.x; i < P::depth * width * unit_tiles; i += persistent_threads) {
      const int row = i / unit_tiles, tile = i % unit_tiles;
      uint32_t pairs[4];
      load16(pairs, weight + static_cast<int64_t>(row) * width + first_unit + tile * 8);
      bf16* piece = to + (row / piece_columns * unit_tiles + tile) * piece_size + row % piece_columns;
#pragma unroll
      for (int pair = 0; pair < 4; pair++) {
        piece[2 * pair * piece_columns] = to_bf16(low_bf16(pairs[pair]));
        piece[(2 * pair + 1) * piece_columns] = to_bf16(high_bf16(pairs[pair]));
      }
    }
  } else {
    const int lanes = P::depth * width / piece_columns * unit_tiles * P::sums * 32;
    for (int i = threadIdx.x; i < lanes; i += persistent_threads) {
      const int lane = i % 32, piece = i / 32, gate = piece % P::sums, tile = piece / P::sums % unit_tiles;
      const int column = piece / P::sums / unit_tiles * piece_columns + lane % 4 * 8;
      const int row = gate * width + first_unit + tile * 8 + lane / 4;
      cp_async<16>(to + i * 8, weight + static_cast<int64_t>(row) * width + column, true);
    }
    cp_async_commit();
  }
}

// --- the product -----------------------------------------------------------------------------------------------------

// sums += 32 rows at `left`, `stride` apart, times the block's weights, over every `parts`th piece from `part` on. Rows
// past `rows` are others again. An accumulator [m][tile][gate][i] is row 16m + lane/4 + i/2*8, unit lane%4*2 + i%2.
template <int unit_tiles, int gates, int parts>
__device__ __forceinline__ void add_product(float (&sums)[2][unit_tiles][gates][4], const bf16* left, int64_t stride,
                                            int rows, const bf16* weights, int pieces, int part) {
  // Pieces of the left side on their way: as many as registers allow.
  constexpr int ahead = unit_tiles * gates >= 16 ? 1 : unit_tiles * gates >= 12 ? 2 : 4;
  const int lane = threadIdx.x % 32, mine = (pieces - part + parts - 1) / parts;
  const bool both = rows > 16;
  const bf16* from[4];
#pragma unroll
  for (int i = 0; i < 4; i++) from[i] = left + min(lane / 4 + i * 8, rows - 1) * stride + lane % 4 * 8;
  uint32_t a[ahead][4][4];
  const auto fetch = [&](uint32_t(&to)[4][4], int turn) {
    if (turn >= mine) return;
    const int column = (part + turn * parts) * piece_columns;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (i < 2 || both) load16_l2(to[i], from[i] + column);
    }
  };
#pragma unroll
  for (int slot = 0; slot < ahead; slot++) fetch(a[slot], slot);
#pragma unroll 1
  for (int first = 0; first < mine; first += ahead) {
#pragma unroll
    for (int slot = 0; slot < ahead; slot++) {
      if (first + slot >= mine) break;
      const bf16* piece = weights + (part + (first + slot) * parts) * (unit_tiles * gates * piece_size) + lane * 8;
#pragma unroll
      for (int tile = 0; tile < unit_tiles; tile++) {
        uint32_t b[2][gates][2];
#pragma unroll
        for (int gate = 0; gate < gates; gate++) {
          uint32_t r[4];
          load16(r, piece + (tile * gates + gate) * piece_size);
#pragma unroll
          for (int half = 0; half < 2; half++) {
            b[half][gate][0] = r[2 * half];
            b[half][gate][1] = r[2 * half + 1];
          }
        }
#pragma unroll
        for (int m = 0; m < 2; m++) {
          if (m == 1 && !both) break;
#pragma unroll
          for (int half = 0; half < 2; half++) {
            const uint32_t rows_a[4] = {a[slot][2 * m][2 * half], a[slot][2 * m + 1][2 * half],
                                        a[slot][2 * m][2 * half + 1], a[slot][2 * m + 1][2 * half + 1]};
            mma_bf16_row(sums[m][tile], rows_a, b[half]);
          }
        }
      }
      fetch(a[slot], first + slot + ahead);
    }
  }
}

// --- the kernel ------------------------------------------------------------------------------------------------------

constexpr int counter_stride = 32;  // a cache line for each tile's

// Grid: groups of units x tiles of `tile_rows` sequences. counters: of the barriers, zero.
template <class P, int unit_tiles, int row_groups>
__global__ void __launch_bounds__(persistent_threads, 1)
    persistent_kernel(P pass, const bf16* weight, int tile_rows, unsigned* counters) {
  constexpr int units = 8 * unit_tiles, pass_rows = 32 * row_groups, parts = persistent_warps / row_groups;
  constexpr int stride = sums_stride<P::sums>;
  const auto [batch, window, width] = pass.size;
  const int depth = P::depth * width, pieces = depth / piece_columns;
  const int first_unit = blockIdx.x * units, first_sequence = blockIdx.y * tile_rows;
  const int rows = min(tile_rows, batch - first_sequence);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, part = warp % parts;
  // This thread's steps: of this unit of each of the block's eights, of these rows of each pass.
  const int unit = threadIdx.x % 8, row = threadIdx.x / 8;
  unsigned* counter = counters + blockIdx.y * counter_stride;
  unsigned arrivals = 0;  // of every block of the tile

  AOT_DYNAMIC_SHARED(bf16, weights);
  float* products = reinterpret_cast<float*>(weights + pieces * unit_tiles * P::sums * piece_size);
  float* carried = products + persistent_warps * 32 * stride;
  load_weights<P, unit_tiles>(weights, weight, width, first_unit);
  for (int i = threadIdx.x; i < rows * units; i += persistent_threads) {
    carried[i] = pass.start(first_sequence + i / units, first_unit + i % units);
  }
  bool has_product = pass.from_state();
  if (has_product) {
    arrive(counter);
    arrivals += gridDim.x;
  }
  cp_async_wait<0>();
  __syncthreads();

#pragma unroll 1
  for (int step = 0; step < window; step++) {
    const int token = P::backwards ? window - 1 - step : step;
    const auto* left = pass.passed + (static_cast<int64_t>(first_sequence) * window + token + P::backwards) * depth;
#pragma unroll 1
    for (int first = 0; first < rows; first += pass_rows) {
      const auto place = [&](int group, int tile) {
        return Place{first_sequence + min(first + group * 32 + row, rows - 1), token, first_unit + tile * 8 + unit};
      };
      typename P::Inputs inputs[unit_tiles][row_groups];
#pragma unroll
      for (int tile = 0; tile < unit_tiles; tile++) {
#pragma unroll
        for (int group = 0; group < row_groups; group++) inputs[tile][group] = pass.load(place(group, tile));
      }
      float sums[2][unit_tiles][P::sums][4] = {};
      if (has_product) {
        if (first == 0) wait_for(counter, arrivals);
        const int group_first = first + warp / parts * 32, group_rows = min(32, rows - group_first);
        if (group_rows > 0) {
          add_product<unit_tiles, P::sums, parts>(sums, left + static_cast<int64_t>(group_first) * window * depth,
                                                  static_cast<int64_t>(window) * depth, group_rows, weights, pieces,
                                                  part);
        }
      }
#pragma unroll
      for (int tile = 0; tile < unit_tiles; tile++) {
        if (has_product) {
          if (first > 0 || tile > 0) __syncthreads();  // the sums before have been taken
          float* to = products + (warp * 32 + lane / 4) * stride + lane % 4 * 2;
#pragma unroll
          for (int m = 0; m < 2; m++) {
#pragma unroll
            for (int gate = 0; gate < P::sums; gate++) {
              uint32_t bits[2][2];
              memcpy(bits, sums[m][tile][gate], sizeof(bits));
              store8(to + 16 * m * stride + gate * 8, bits[0]);
              store8(to + (16 * m + 8) * stride + gate * 8, bits[1]);
            }
          }
          __syncthreads();  // all warps' sums are there
        }
#pragma unroll
        for (int group = 0; group < row_groups; group++) {
          const int at = first + group * 32 + row;
          if (at >= rows) continue;
          float share[P::sums] = {};
          if (has_product) {
            const float* of_parts = products + (group * parts * 32 + row) * stride + unit;
#pragma unroll
            for (int p = 0; p < parts; p++) {
#pragma unroll
              for (int gate = 0; gate < P::sums; gate++) share[gate] += of_parts[p * 32 * stride + gate * 8];
            }
          }
          pass.step(place(group, tile), inputs[tile][group], share, carried[at * units + tile * 8 + unit]);
        }
      }
    }
    has_product = true;
    if (step + 1 < window) {
      arrive(counter);
      arrivals += gridDim.x;
    }
  }
  if constexpr (!P::backwards) {
    __syncthreads();
    for (int i = threadIdx.x; i < rows * units; i += persistent_threads) {
      *pass.carried(first_sequence + i / units, first_unit + i % units) = carried[i];
    }
  }
}

// --- host side -------------------------------------------------------------------------------------------------------

template <class P>
using PersistentKernel = void (*)(P, const bf16*, int, unsigned*);

template <class P, size_t... i>
std::array<PersistentKernel<P>, sizeof...(i)> persistent_kernels(std::index_sequence<i...>) {
  return {persistent_kernel<P, persistent_variants[i].unit_tiles, persistent_variants[i].row_groups>...};
}

// False, and nothing is issued, where the shape or the device does not allow it, or steps are better.
template <class P>
bool run_persistent(const Context& context, const P& pass, const void* weight) {
  const auto [batch, window, width] = pass.size;
  if (!aligned16(weight) || !aligned16(pass.passed)) return false;
  const auto kernels = persistent_kernels<P>(std::make_index_sequence<std::size(persistent_variants)>());
  const PersistentShape shape{P::depth, P::sums, sums_stride<P::sums>, batch, width};
  const auto resident = [&](int variant, size_t shared_bytes) {
    return resident_blocks(reinterpret_cast<const void*>(kernels[variant]), persistent_threads, shared_bytes);
  };
  const PersistentPlan plan = plan_persistent(shape, context.multiprocessors, resident);
  if (plan.variant < 0) return false;
  // One token alone has nothing to keep the weights for.
  const bool better = window > 1 && plan.clocks < predicted_clocks_in_steps(shape, context.multiprocessors);
  if (!better && context.recurrence != Recurrence::persistent) return false;
  context.workspace->begin();
  const size_t bytes = static_cast<size_t>(plan.tiles) * counter_stride * sizeof(unsigned);
  auto* counters = static_cast<unsigned*>(context.workspace->take(bytes, context.stream));
  fill(counters, 0, bytes, context.stream);
  launch_cooperative(context.stream, kernels[plan.variant], dim3(plan.groups, plan.tiles), persistent_threads,
                     plan.shared_bytes, pass, static_cast<const bf16*>(weight), plan.rows, counters);
  return true;
}

// weight: weight_hh, in P's Element. name: of the layer, for people.
template <class P>
void run(const Context& context, const P& pass, const void* weight, const char* name) {
  if constexpr (sizeof(typename P::Element) == 2) {
    if (context.recurrence != Recurrence::steps && run_persistent(context, pass, weight)) return;
  }
  if (context.recurrence == Recurrence::persistent) {
    fail(ErrorCode::device, std::string("AOT_RECURRENCE=persistent: ") + name + " of width " +
                                std::to_string(pass.size.width) + " in " +
                                (sizeof(typename P::Element) == 2 ? "bf16" : "fp32") + " and a batch of " +
                                std::to_string(pass.size.batch) + " do not allow it on this device: leave it unset");
  }
  run_steps(context, pass, weight);
}

}  // namespace aot::cuda::recurrent
