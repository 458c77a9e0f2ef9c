#include "tokenizer/trie_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Only what follows is compiled for these instructions: nothing of the headers above, which other files share.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC's own headers (bug 105593)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,bmi,popcnt")
#endif

#include "tokenizer/trie_lanes.h"

namespace aot {
namespace {

struct Avx512 {
  static constexpr uint32_t width = 16;
  using Vec = __m512i;
  using Mask = __mmask16;

  static Vec all(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
  static Vec load(const uint32_t* from) { return _mm512_load_si512(from); }
  static void store(uint32_t* to, Vec value) { _mm512_store_si512(to, value); }
  static Mask mask(uint32_t bits) { return static_cast<Mask>(bits); }
  static uint32_t bits(Mask mask) { return mask; }
  static Vec add(Vec a, Vec b) { return _mm512_add_epi32(a, b); }
  static Vec multiply(Vec a, uint32_t b) { return _mm512_mullo_epi32(a, all(b)); }
  template <int count>
  static Vec right(Vec a) {
    return _mm512_srli_epi32(a, count);
  }
  template <int count>
  static Vec left(Vec a) {
    return _mm512_slli_epi32(a, count);
  }
  static Vec shift_right(Vec a, int count) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(count)); }
  static Vec shift_each_left(Vec a, Vec counts) { return _mm512_sllv_epi32(a, counts); }
  // Within a mask: whether values below 2^31 are equal, or the first is less.
  static Mask equal(Mask within, Vec a, Vec b) { return _mm512_mask_cmpeq_epi32_mask(within, a, b); }
  static Mask less(Mask within, Vec a, Vec b) { return _mm512_mask_cmplt_epi32_mask(within, a, b); }
  static Vec select(Mask mask, Vec yes, Vec no) { return _mm512_mask_blend_epi32(mask, no, yes); }
  // The words at these indices; other lanes keep `rest`. By bytes: the 4 bytes at these offsets.
  static Vec gather(Vec rest, Mask mask, const void* from, Vec index) {
    return _mm512_mask_i32gather_epi32(rest, mask, index, from, 4);
  }
  static Vec gather_bytes(Vec rest, Mask mask, const void* from, Vec offset) {
    return _mm512_mask_i32gather_epi32(rest, mask, offset, from, 1);
  }
};

}  // namespace

void encode_pieces_avx512(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids) {
  TrieLanes<Twice<Avx512>>(tables, text, jobs, count, ids).run();
}

}  // namespace aot

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
