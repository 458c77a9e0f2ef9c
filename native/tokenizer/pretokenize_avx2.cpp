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
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt,lzcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")
#endif

#include "tokenizer/pretokenize_blocks.h"

namespace aot {
namespace {

struct Avx2 {
  // Two halves of a block.
  struct Bytes {
    __m256i low, high;
  };
  static __m256i all(int byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }
  static uint64_t mask(__m256i low, __m256i high) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
           static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
  }
  static uint64_t equal(Bytes bytes, int byte) {
    return mask(_mm256_cmpeq_epi8(bytes.low, all(byte)), _mm256_cmpeq_epi8(bytes.high, all(byte)));
  }
  // Bytes in [first, first + count).
  static __m256i in_range(__m256i bytes, int first, int count) {
    const __m256i offset = _mm256_sub_epi8(bytes, all(first));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, all(count - 1)), offset);
  }
  static uint64_t range(Bytes bytes, int first, int count) {
    return mask(in_range(bytes.low, first, count), in_range(bytes.high, first, count));
  }
  static Block load(const uint8_t* text) {
    const Bytes bytes{_mm256_loadu_si256(reinterpret_cast<const __m256i*>(text)),
                      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32))};
    const Bytes lower{_mm256_or_si256(bytes.low, all(0x20)), _mm256_or_si256(bytes.high, all(0x20))};
    Block block;
    block.letters = range(lower, 'a', 26);
    block.digits = range(bytes, '0', 10);
    block.spaces = equal(bytes, ' ');
    block.white = block.spaces | range(bytes, '\t', 5);
    block.apostrophes = equal(bytes, '\'');
    block.high = mask(bytes.low, bytes.high);
    block.lead = block.high ? range(bytes, 0xC0, 64) : 0;
    block.letter_leads = block.high ? range(bytes, 0xE5, 5) | range(bytes, 0xEB, 2) : 0;
    return block;
  }
  static void write_starts(uint64_t mask, uint32_t base, uint32_t* starts) {
    for (; mask; mask &= mask - 1) *starts++ = base + static_cast<uint32_t>(std::countr_zero(mask));
  }
};

}  // namespace

size_t pretokenize_avx2(const uint8_t* text, size_t bytes, uint32_t* starts) {
  return pretokenize_blocks<Avx2>(text, bytes, starts);
}

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
