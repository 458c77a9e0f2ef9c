#include <bit>
#include <cstddef>
#include <cstdint>

#include "tokenizer/pretokenize_simd.h"
#include "tokenizer/unicode_classes.h"
#include "tokenizer/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Only what follows is compiled for these instructions: nothing of the headers above, which other files share.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,bmi2,popcnt,lzcnt"))), \
                             apply_to = function)
#else
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC's own headers (bug 105593)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vbmi2,bmi,bmi2,popcnt,lzcnt")
#endif

#include "tokenizer/pretokenize_blocks.h"

namespace aot {
namespace {

struct Avx512 {
  static __m512i all(int byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
  // Bytes in [first, first + count).
  static uint64_t range(__m512i bytes, int first, int count) {
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(bytes, all(first)), all(count));
  }
  static Block load(const uint8_t* text) {
    const __m512i bytes = _mm512_loadu_si512(text);
    Block block;
    block.letters = range(_mm512_or_si512(bytes, all(0x20)), 'a', 26);
    block.digits = range(bytes, '0', 10);
    block.spaces = _mm512_cmpeq_epi8_mask(bytes, all(' '));
    block.white = block.spaces | range(bytes, '\t', 5);
    block.apostrophes = _mm512_cmpeq_epi8_mask(bytes, all('\''));
    block.high = _mm512_movepi8_mask(bytes);
    block.lead = _mm512_cmpge_epu8_mask(bytes, all(0xC0));
    block.letter_leads = block.high ? range(bytes, 0xE5, 5) | range(bytes, 0xEB, 2) : 0;
    return block;
  }
  static void write_starts(uint64_t mask, uint32_t base, uint32_t* starts) {
    alignas(64) uint8_t positions[64];
    alignas(64) static constexpr uint8_t iota[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                                     32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                                     48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i packed = _mm512_maskz_compress_epi8(mask, _mm512_load_si512(iota));
    const __m512i offset = _mm512_set1_epi32(static_cast<int>(base));
    const auto write = [&](int group, __m128i bytes) __attribute__((always_inline)) {
      _mm512_storeu_si512(starts + 16 * group, _mm512_add_epi32(offset, _mm512_cvtepu8_epi32(bytes)));
    };
    write(0, _mm512_castsi512_si128(packed));
    const int count = std::popcount(mask);
    if (count <= 16) return;
    _mm512_store_si512(positions, packed);
    for (int group = 1; group * 16 < count; group++) {
      write(group, _mm_load_si128(reinterpret_cast<const __m128i*>(positions + 16 * group)));
    }
  }
};

}  // namespace

size_t pretokenize_avx512(const uint8_t* text, size_t bytes, uint32_t* starts) {
  return pretokenize_blocks<Avx512>(text, bytes, starts);
}

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
