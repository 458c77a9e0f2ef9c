// What the lanes of a warp do together, on the host: fragments as in the PTX manual.
#include <bit>

#include "emulate/emulate.cuh"

namespace aot::cuda {
namespace {

using emulate::Thread;

using Half = float __attribute__((vector_size(16)));  // of a row of 8: what every machine adds at once

void unpack(float* to, uint32_t pair) {
  to[0] = std::bit_cast<float>(pair << 16);
  to[1] = std::bit_cast<float>(pair & 0xffff0000u);
}

template <bool transposed>
void load_matrices(uint32_t (&r)[4], const void* p) {
  static const char identity = 0;
  emulate::check_alignment(p, 16, "ldmatrix");
  Thread* me = emulate::current;
  me->operands[0] = p;
  me->result = r;
  emulate::collective(~0u, &identity, [](Thread* lanes, uint32_t) {
    for (int lane = 0; lane < 32; lane++) {
      for (int matrix = 0; matrix < 4; matrix++) {
        uint32_t pair = 0;
        for (int e = 0; e < 2; e++) {
          const int row = transposed ? lane % 4 * 2 + e : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + e;
          uint16_t element;
          std::memcpy(&element, static_cast<const uint16_t*>(lanes[matrix * 8 + row].operands[0]) + column, 2);
          pair |= static_cast<uint32_t>(element) << 16 * e;
        }
        static_cast<uint32_t*>(lanes[lane].result)[matrix] = pair;
      }
    }
  });
}

}  // namespace

void ldmatrix_x4(uint32_t (&r)[4], const void* p) { load_matrices<false>(r, p); }
void ldmatrix_x4_trans(uint32_t (&r)[4], const void* p) { load_matrices<true>(r, p); }

void mma_bf16_row(float (*c)[4], const uint32_t (&a)[4], const uint32_t (*b)[2], int count) {
  static const char identity = 0;
  Thread* me = emulate::current;
  me->operands[0] = a;
  me->operands[1] = b;
  me->result = c;
  emulate::collective(~0u, &identity, [count](Thread* lanes, uint32_t) {
    float rows[16][16];
    for (int lane = 0; lane < 32; lane++) {
      const auto* from = static_cast<const uint32_t*>(lanes[lane].operands[0]);
      float* to = &rows[lane / 4][lane % 4 * 2];
      unpack(to, from[0]);
      unpack(to + 8 * 16, from[1]);
      unpack(to + 8, from[2]);
      unpack(to + 8 * 16 + 8, from[3]);
    }
    for (int tile = 0; tile < count; tile++) {
      Half columns[16][2], sums[16][2];
      for (int lane = 0; lane < 32; lane++) {
        const uint32_t* from = static_cast<const uint32_t(*)[2]>(lanes[lane].operands[1])[tile];
        float pairs[4];
        unpack(pairs, from[0]);
        unpack(pairs + 2, from[1]);
        float* to = reinterpret_cast<float*>(columns[lane % 4 * 2]) + lane / 4;
        to[0] = pairs[0];
        to[8] = pairs[1];
        to[8 * 8] = pairs[2];
        to[9 * 8] = pairs[3];
      }
      for (int i = 0; i < 16; i++) {
        Half low{}, high{};
        for (int k = 0; k < 16; k++) {
          low += rows[i][k] * columns[k][0];
          high += rows[i][k] * columns[k][1];
        }
        sums[i][0] = low;
        sums[i][1] = high;
      }
      for (int lane = 0; lane < 32; lane++) {
        float* to = static_cast<float(*)[4]>(lanes[lane].result)[tile];
        const float* from = reinterpret_cast<const float*>(sums[lane / 4]) + lane % 4 * 2;
        to[0] += from[0];
        to[1] += from[1];
        to[2] += from[8 * 8];
        to[3] += from[8 * 8 + 1];
      }
    }
  });
}

}  // namespace aot::cuda
