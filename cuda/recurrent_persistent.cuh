// defines: forward_persistent, backward_persistent, each false where the shape or the device does not allow it
//
// A recurrent layer in one cooperative launch: the blocks stay for the whole window with their share of the recurrent
// weights in shared memory, bf16 on tensor cores. Block (tile, group) has 64 sequences and `units` hidden units with
// all their gates; what a thread needs of a unit besides, it keeps in registers from token to token. The hidden state
// (on the way back the gradients of its shares) goes from block to block through the tensors themselves, in which every
// token has its own place: one barrier a token is enough.
//
// What it must cost: the product of a token reads 64 rows of the exchanged tensor a block through the second-level
// cache (width 768: 98 KB forwards, about 2 us for a full H100), then the barrier (1 to 2 us).
#pragma once
#include "copy_tile.cuh"
#include "recurrent.cuh"

namespace aot::cuda {

constexpr int persistent_threads = 128, persistent_rows = 64, persistent_depth = 64, persistent_stages = 3;

// Elements from one row of the weights to the next in shared memory: eight rows lie in different banks.
__host__ __device__ constexpr int weights_pitch(int k) { return k + 8; }

inline size_t persistent_bytes(int columns, int k) {
  return (static_cast<size_t>(columns) * weights_pitch(k) + persistent_stages * persistent_rows * persistent_depth) *
         sizeof(bf16);
}

// sums[16 rows of each warp][8 * fragments] = a[64 rows][k] weights[8 * fragments][k]^T; a in global memory, rows
// `stride` apart, `rows` of them there; k a multiple of 64.
template <int fragments>
__device__ __forceinline__ void exchange_product(float (&sums)[fragments][4], const bf16* a, int64_t stride, int rows,
                                                 const bf16* weights, bf16* tiles, int k) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, steps = k / persistent_depth;
  const auto copy_step = [&](int step) {
    if (step < steps) {
      copy_tile<persistent_rows, persistent_depth, persistent_threads, true>(
          tiles + step % persistent_stages * persistent_rows * persistent_depth, a, stride, 0, rows,
          step * persistent_depth, k, 8);
    }
    cp_async_commit();
  };
#pragma unroll
  for (int i = 0; i < fragments; i++) {
#pragma unroll
    for (int e = 0; e < 4; e++) sums[i][e] = 0;
  }
#pragma unroll
  for (int step = 0; step < persistent_stages - 1; step++) copy_step(step);
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    cp_async_wait<persistent_stages - 2>();
    __syncthreads();  // the step's tile is there for all, and the one before it is free
    copy_step(step + persistent_stages - 1);
    const bf16* tile = tiles + step % persistent_stages * persistent_rows * persistent_depth;
#pragma unroll
    for (int part = 0; part < persistent_depth; part += 16) {
      uint32_t a_fragment[4], b_fragments[fragments][2];
      ldmatrix_x4(a_fragment, tile + place<persistent_depth>(warp * 16 + lane % 16, part / 8 + lane / 16));
      const int column = step * persistent_depth + part;
#pragma unroll
      for (int j = 0; j < fragments; j += 2) {
        // Two fragments, or the last one twice where their number is odd.
        const int row = min(j * 8 + lane / 16 * 8, fragments * 8 - 8) + lane % 8;
        uint32_t r[4];
        ldmatrix_x4(r, weights + row * weights_pitch(k) + column + lane / 8 % 2 * 8);
        b_fragments[j][0] = r[0];
        b_fragments[j][1] = r[1];
        if (j + 1 < fragments) {
          b_fragments[j + 1][0] = r[2];
          b_fragments[j + 1][1] = r[3];
        }
      }
      mma_bf16_row(sums, a_fragment, b_fragments);
    }
  }
  cp_async_wait<0>();
  __syncthreads();  // the tiles are free
}

// The block's place, and what its threads have of a product's fragment: rows sequence and sequence + 8, units unit and
// unit + 1 of each group of eight.
struct PersistentPlace {
  int first_sequence, first_unit, rows, sequence, unit;
};
__device__ __forceinline__ PersistentPlace persistent_place(const LayerShape& shape, int units) {
  const int groups = shape.width / units, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  PersistentPlace place;
  place.first_sequence = static_cast<int>(blockIdx.x) / groups * persistent_rows;
  place.first_unit = static_cast<int>(blockIdx.x) % groups * units;
  place.rows = min(persistent_rows, shape.batch - place.first_sequence);
  place.sequence = warp * 16 + lane / 4;
  place.unit = place.first_unit + lane % 4 * 2;
  return place;
}

// Calls body(half, group, sequence, unit) for the thread's pairs of units of sequences that are there.
template <int units, class Body>
__device__ __forceinline__ void for_pairs(const PersistentPlace& place, Body body) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const int sequence = place.sequence + half * 8;
    if (sequence >= place.rows) continue;
#pragma unroll
    for (int group = 0; group < units / 8; group++) {
      body(half, group, place.first_sequence + sequence, place.unit + group * 8);
    }
  }
}

template <class Layer, int units>
__global__ void __launch_bounds__(persistent_threads)
    persistent_kernel(Layer layer, const bf16* weight_hh, unsigned* counter) {
  constexpr int gate_count = Layer::gate_count, columns = gate_count * units, fragments = columns / 8;
  AOT_DYNAMIC_SHARED(bf16, shared);
  const LayerShape& shape = layer.shape;
  const int width = shape.width, pitch = weights_pitch(width);
  bf16 *const weights = shared, *const tiles = shared + columns * pitch;
  const PersistentPlace place = persistent_place(shape, units);
  unsigned phase = 0;

  // Row (group * gates + gate) * 8 + i: a thread finds all gates of its units in fragments of its own.
  for (int i = threadIdx.x; i < columns * (width / 8); i += persistent_threads) {
    const int row = i / (width / 8), piece = i % (width / 8) * 8, fragment = row / 8;
    const int unit = place.first_unit + fragment / gate_count * 8 + row % 8;
    uint32_t r[4];
    load16(r, weight_hh + (static_cast<int64_t>(fragment % gate_count) * width + unit) * width + piece);
    store16(weights + row * pitch + piece, r);
  }
  typename Layer::template Carried<2> carried[2][units / 8];
  for_pairs<units>(place, [&](int half, int group, int sequence, int unit) {
    layer.load(carried[half][group], sequence, unit, shape.from_zero);
    store_units(layer.previous + static_cast<int64_t>(sequence) * shape.window * width + unit, carried[half][group].h);
  });
  if (!shape.from_zero) grid_barrier(counter, phase);

  for (int token = 0; token < shape.window; token++) {
    float sums[fragments][4] = {};
    if (token > 0 || !shape.from_zero) {
      exchange_product(sums,
                       layer.previous + (static_cast<int64_t>(place.first_sequence) * shape.window + token) * width,
                       static_cast<int64_t>(shape.window) * width, place.rows, weights, tiles, width);
    }
    for_pairs<units>(place, [&](int half, int group, int sequence, int unit) {
      const int64_t row = static_cast<int64_t>(sequence) * shape.window + token;
      float x[gate_count][2], hidden[gate_count][2];
#pragma unroll
      for (int g = 0; g < gate_count; g++) {
        load_units(x[g], layer.gates + row * gate_count * width + g * width + unit);
        hidden[g][0] = sums[group * gate_count + g][half * 2];
        hidden[g][1] = sums[group * gate_count + g][half * 2 + 1];
      }
      layer.step(carried[half][group], row, unit, x, hidden, token + 1 == shape.window);
    });
    if (token + 1 < shape.window) grid_barrier(counter, phase);
  }
  for_pairs<units>(
      place, [&](int half, int group, int sequence, int unit) { layer.save(carried[half][group], sequence, unit); });
}

template <class Gradients, int units>
__global__ void __launch_bounds__(persistent_threads)
    persistent_backward_kernel(Gradients gradients, const bf16* weight_hh, unsigned* counter) {
  constexpr int fragments = units / 8;
  AOT_DYNAMIC_SHARED(bf16, shared);
  const LayerShape& shape = gradients.shape;
  const int width = shape.width, k = Gradients::gate_count * width, pitch = weights_pitch(k);
  bf16 *const weights = shared, *const tiles = shared + units * pitch;
  const PersistentPlace place = persistent_place(shape, units);
  unsigned phase = 0;

  // The units' columns of the weights, as rows.
  for (int i = threadIdx.x; i < k * units; i += persistent_threads) {
    weights[i % units * pitch + i / units] =
        weight_hh[static_cast<int64_t>(i / units) * width + place.first_unit + i % units];
  }
  typename Gradients::template Carried<2> carried[2][fragments];
  for_pairs<units>(place, [&](int half, int group, int, int) { gradients.clear(carried[half][group]); });

  for (int token = shape.window - 1; token >= 0; token--) {
    float sums[fragments][4] = {};
    if (token + 1 < shape.window) {
      exchange_product(sums,
                       gradients.hidden + (static_cast<int64_t>(place.first_sequence) * shape.window + token + 1) * k,
                       static_cast<int64_t>(shape.window) * k, place.rows, weights, tiles, k);
    }
    for_pairs<units>(place, [&](int half, int group, int sequence, int unit) {
      const float through[2] = {sums[group][half * 2], sums[group][half * 2 + 1]};
      gradients.step(carried[half][group], static_cast<int64_t>(sequence) * shape.window + token, unit, through,
                     token == 0);
    });
    if (token > 0) grid_barrier(counter, phase);
  }
}

// The launch with the fewest units a block that still has a multiprocessor for every block and fits its shared memory.
// columns_a_unit: rows of shared memory that the weights of a unit take, of k elements each.
template <int units, class Run>
bool run_persistent_with(const Context& context, const LayerShape& shape, int columns_a_unit, int k, Run& run) {
  if (shape.width % units != 0) return false;
  const int blocks = shape.width / units * ceil_div(shape.batch, persistent_rows);
  const size_t bytes = persistent_bytes(columns_a_unit * units, k);
  if (blocks > context.coresident_blocks || bytes > context.shared_bytes) return false;
  context.workspace->begin();
  auto* counter = static_cast<unsigned*>(context.workspace->take(sizeof(unsigned), context.stream));
  fill(counter, 0, sizeof(unsigned), context.stream);
  run.template operator()<units>(blocks, bytes, counter);
  return true;
}

template <class Run>
bool run_persistent(const Context& context, const LayerShape& shape, int columns_a_unit, int k, Run run) {
  if (shape.width % persistent_depth != 0 || shape.window < 2) return false;
  return run_persistent_with<8>(context, shape, columns_a_unit, k, run) ||
         run_persistent_with<16>(context, shape, columns_a_unit, k, run) ||
         run_persistent_with<24>(context, shape, columns_a_unit, k, run) ||
         run_persistent_with<32>(context, shape, columns_a_unit, k, run);
}

template <class Layer>
bool forward_persistent(const Context& context, const Layer& layer, const void* weight_hh) {
  if constexpr (std::is_same_v<typename Layer::Element, bf16>) {
    return run_persistent(context, layer.shape, Layer::gate_count, layer.shape.width,
                          [&]<int units>(int blocks, size_t bytes, unsigned* counter) {
                            launch_cooperative(context.stream, persistent_kernel<Layer, units>, blocks,
                                               persistent_threads, bytes, layer, static_cast<const bf16*>(weight_hh),
                                               counter);
                          });
  }
  return false;
}

template <class Gradients>
bool backward_persistent(const Context& context, const Gradients& gradients, const void* weight_hh) {
  if constexpr (std::is_same_v<typename Gradients::Element, bf16>) {
    return run_persistent(context, gradients.shape, 1, Gradients::gate_count * gradients.shape.width,
                          [&]<int units>(int blocks, size_t bytes, unsigned* counter) {
                            launch_cooperative(context.stream, persistent_backward_kernel<Gradients, units>, blocks,
                                               persistent_threads, bytes, gradients,
                                               static_cast<const bf16*>(weight_hh), counter);
                          });
  }
  return false;
}

}  // namespace aot::cuda
