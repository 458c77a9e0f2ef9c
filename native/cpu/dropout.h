// defines: kept, dropped_out
#pragma once
#include "cpu/kernels.h"
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {

// The mask of the vector that starts at this bit.
[[gnu::always_inline]] inline Mask kept(const uint8_t* bits, int64_t bit) {
  uint32_t word;
  __builtin_memcpy(&word, bits + (bit >> 3), sizeof word);
  return bits_mask(word >> (bit & 7));
}

// x with dropout: element is the place of its first lane in the op's matrix.
[[gnu::always_inline]] inline Vec dropped_out(KeepBits keep_bits, int64_t element, Vec x) {
  return keep_bits.bits ? keep(kept(keep_bits.bits, keep_bits.first + element), x * broadcast(keep_bits.scale)) : x;
}

}  // namespace aot::cpu::AOT_ISA
