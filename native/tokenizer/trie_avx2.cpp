#include "tokenizer/trie_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Only what follows is compiled for these instructions: nothing of the headers above, which other files share.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,popcnt")
#endif

#include "tokenizer/trie_lanes.h"

namespace aot {
namespace {

struct Avx2 {
  static constexpr uint32_t width = 8;
  using Vec = __m256i;
  using Mask = __m256i;

  static Vec all(uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
  static Vec load(const uint32_t* from) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(from)); }
  static void store(uint32_t* to, Vec value) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), value); }
  static Mask mask(uint32_t bits) {
    const __m256i own = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(all(bits), own), own);
  }
  static uint32_t bits(Mask mask) { return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask))); }
  static Vec add(Vec a, Vec b) { return _mm256_add_epi32(a, b); }
  static Vec multiply(Vec a, uint32_t b) { return _mm256_mullo_epi32(a, all(b)); }
  template <int count>
  static Vec right(Vec a) {
    return _mm256_srli_epi32(a, count);
  }
  template <int count>
  static Vec left(Vec a) {
    return _mm256_slli_epi32(a, count);
  }
  static Vec shift_right(Vec a, int count) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(count)); }
  static Vec shift_each_left(Vec a, Vec counts) { return _mm256_sllv_epi32(a, counts); }
  // Within a mask: whether values below 2^31 are equal, or the first is less.
  static Mask equal(Mask within, Vec a, Vec b) { return _mm256_and_si256(within, _mm256_cmpeq_epi32(a, b)); }
  static Mask less(Mask within, Vec a, Vec b) { return _mm256_and_si256(within, _mm256_cmpgt_epi32(b, a)); }
  static Vec select(Mask mask, Vec yes, Vec no) { return _mm256_blendv_epi8(no, yes, mask); }
  // The words at these indices; other lanes keep `rest`. By bytes: the 4 bytes at these offsets.
  static Vec gather(Vec rest, Mask mask, const void* from, Vec index) {
    return _mm256_mask_i32gather_epi32(rest, static_cast<const int*>(from), index, mask, 4);
  }
  static Vec gather_bytes(Vec rest, Mask mask, const void* from, Vec offset) {
    return _mm256_mask_i32gather_epi32(rest, static_cast<const int*>(from), offset, mask, 1);
  }
};

}  // namespace

void encode_pieces_avx2(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids) {
  TrieLanes<Twice<Avx2>>(tables, text, jobs, count, ids).run();
}

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
