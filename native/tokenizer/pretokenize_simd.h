// defines: aot::contraction_length, aot::pretokenize_avx2, aot::pretokenize_avx512
#pragma once
#include <cstddef>
#include <cstdint>

namespace aot {

// Bytes of the contraction at `text`, whose first byte is an apostrophe; 0 when there is none. Reads 3 bytes.
inline size_t contraction_length(const uint8_t* text) {
  const uint8_t first = text[1], second = text[2];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  return ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l') ? 3 : 0;
}

// As pretokenize(), for processors that have the instructions.
size_t pretokenize_avx2(const uint8_t* text, size_t bytes, uint32_t* starts);
size_t pretokenize_avx512(const uint8_t* text, size_t bytes, uint32_t* starts);

}  // namespace aot
