#include <bit>
#include <cstdint>

#include "tokenizer/plain_text.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Only what follows is compiled for these instructions: nothing of the headers above, which other files share.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,bmi,bmi2,lzcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,bmi,bmi2,lzcnt")
#endif

#include "tokenizer/plain_text_blocks.h"

namespace aot {
namespace {

struct Avx512 {
  static __m512i all(int byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
  static __m512i load(const uint8_t* text) { return _mm512_loadu_si512(text); }
  static uint64_t equal(__m512i bytes, int value) { return _mm512_cmpeq_epi8_mask(bytes, all(value)); }
  static uint64_t below(__m512i bytes, int value) { return _mm512_cmplt_epu8_mask(bytes, all(value)); }
  static uint64_t from(__m512i bytes, int value) { return _mm512_cmpge_epu8_mask(bytes, all(value)); }
  // As signed numbers they are the least.
  static uint64_t continuations(__m512i bytes) { return _mm512_cmplt_epi8_mask(bytes, all(0xC0)); }
};

}  // namespace

const uint8_t* plain_end_avx512(const uint8_t* from, const uint8_t* end) { return plain_end_blocks<Avx512>(from, end); }

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
