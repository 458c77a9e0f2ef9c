#include <bit>
#include <cstdint>

#include "tokenizer/plain_text.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Only what follows is compiled for these instructions: nothing of the headers above, which other files share.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,lzcnt")
#endif

#include "tokenizer/plain_text_blocks.h"

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
  static Bytes load(const uint8_t* text) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(text)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32))};
  }
  static uint64_t equal(Bytes bytes, int value) {
    return mask(_mm256_cmpeq_epi8(bytes.low, all(value)), _mm256_cmpeq_epi8(bytes.high, all(value)));
  }
  static uint64_t from(Bytes bytes, int value) {
    return mask(_mm256_cmpeq_epi8(_mm256_max_epu8(bytes.low, all(value)), bytes.low),
                _mm256_cmpeq_epi8(_mm256_max_epu8(bytes.high, all(value)), bytes.high));
  }
  static uint64_t below(Bytes bytes, int value) { return ~from(bytes, value); }
  // As signed numbers they are the least.
  static uint64_t continuations(Bytes bytes) {
    return mask(_mm256_cmpgt_epi8(all(0xC0), bytes.low), _mm256_cmpgt_epi8(all(0xC0), bytes.high));
  }
};

}  // namespace

const uint8_t* plain_end_avx2(const uint8_t* from, const uint8_t* end) { return plain_end_blocks<Avx2>(from, end); }

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
