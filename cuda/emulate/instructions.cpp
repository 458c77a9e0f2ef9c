// What the lanes of a warp do together, on the host: fragments as in the PTX manual.
#include "emulate/emulate.cuh"

namespace aot::cuda {
namespace {

using emulate::Thread;

float half_of(uint32_t pair, int high) { return from_bf16(static_cast<uint16_t>(high ? pair >> 16 : pair)); }

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

void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  static const char identity = 0;
  Thread* me = emulate::current;
  me->operands[0] = a;
  me->operands[1] = b;
  me->result = c;
  emulate::collective(~0u, &identity, [](Thread* lanes, uint32_t) {
    float rows[16][16], columns[16][8], sums[16][8] = {};
    for (int lane = 0; lane < 32; lane++) {
      const int group = lane / 4, pair = lane % 4 * 2;
      const auto* from_a = static_cast<const uint32_t*>(lanes[lane].operands[0]);
      const auto* from_b = static_cast<const uint32_t*>(lanes[lane].operands[1]);
      for (int high = 0; high < 2; high++) {
        for (int i = 0; i < 4; i++) rows[group + i % 2 * 8][pair + i / 2 * 8 + high] = half_of(from_a[i], high);
        for (int i = 0; i < 2; i++) columns[pair + i * 8 + high][group] = half_of(from_b[i], high);
      }
    }
    for (int i = 0; i < 16; i++) {
      for (int k = 0; k < 16; k++) {
        for (int j = 0; j < 8; j++) sums[i][j] += rows[i][k] * columns[k][j];
      }
    }
    for (int lane = 0; lane < 32; lane++) {
      auto* to = static_cast<float*>(lanes[lane].result);
      for (int i = 0; i < 4; i++) to[i] += sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
  });
}

}  // namespace aot::cuda
