// defines: Vec, Units, Mask, All, First and their operations, for the instruction set this file is compiled for
//
// A thin layer over GCC's vector types: W floats, or W 32-bit units. Memory operations take All{} or First{count}
// (0 < count < W), so that one body of a loop serves full vectors and the tail. Only what the compiler does not do well
// by itself is written in intrinsics; without any, everything here works on any processor.
#pragma once
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef AOT_ISA
#define AOT_ISA baseline
#endif

namespace aot::cpu::AOT_ISA {

#if defined(__AMX_BF16__)
inline constexpr int W = 16, tile_rows = 32;  // two tiles each way, bf16 alone: fp32 has no tiles
#elif defined(__AVX512F__)
inline constexpr int W = 16, tile_rows = 8;
#elif defined(__AVX2__)
inline constexpr int W = 8, tile_rows = 6;
#else
inline constexpr int W = 4, tile_rows = 4;
#endif
inline constexpr int tile_columns = 2 * W;

using bf16 = uint16_t;
typedef float Vec __attribute__((vector_size(W * 4)));
typedef uint32_t Units __attribute__((vector_size(W * 4)));
typedef int32_t Ints __attribute__((vector_size(W * 4)));
typedef uint64_t Longs __attribute__((vector_size(W * 4)));
typedef uint16_t Halves __attribute__((vector_size(W * 2)));
// One 32-bit unit in memory of any type: a float, or two bf16 neighbours along the reduction.
typedef uint32_t Unit __attribute__((may_alias, aligned(2)));
template <class T>
inline constexpr int unit_elements = 4 / static_cast<int>(sizeof(T));

struct All {
  static constexpr int count = W;
};
struct First {
  int count;
};

inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// Calls body(i, All{}) for the full vectors of [0, count), then body(i, First{..}) for what is left.
template <class Body>
[[gnu::always_inline]] inline void for_vectors(int64_t count, Body&& body) {
  int64_t i = 0;
  for (; i + W <= count; i += W) body(i, All{});
  if (i < count) body(i, First{static_cast<int>(count - i)});
}

[[gnu::always_inline]] inline Vec broadcast(float x) { return x - Vec{}; }
[[gnu::always_inline]] inline Units broadcast_units(uint32_t x) { return x - Units{}; }

inline Units lane_numbers() {
#if defined(__AVX512F__)
  return Units{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
  return Units{0, 1, 2, 3, 4, 5, 6, 7};
#else
  return Units{0, 1, 2, 3};
#endif
}

// --- masks: one truth value a lane

#if defined(__AVX512F__)
using Mask = __mmask16;
inline Mask first_mask(int count) { return static_cast<Mask>((1u << count) - 1); }
inline Mask bits_mask(uint32_t bits) { return static_cast<Mask>(bits); }
inline Vec keep(Mask mask, Vec x) { return _mm512_maskz_mov_ps(mask, x); }
inline Vec select(Mask mask, Vec a, Vec b) { return _mm512_mask_mov_ps(b, mask, a); }
inline Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline bool any(Mask mask) { return mask != 0; }
inline uint32_t at_least_bits(Units a, Units b) { return _mm512_cmpge_epu32_mask((__m512i)a, (__m512i)b); }
#else
using Mask = Ints;
inline Mask first_mask(int count) { return (Ints)lane_numbers() < count; }
inline Mask bits_mask(uint32_t bits) {
  const Units one = broadcast_units(1) << lane_numbers();
  return (broadcast_units(bits) & one) == one;
}
inline Vec keep(Mask mask, Vec x) { return (Vec)((Ints)x & mask); }
inline Vec select(Mask mask, Vec a, Vec b) { return mask ? a : b; }
inline Mask greater(Vec a, Vec b) { return a > b; }
inline uint32_t mask_bits(Mask mask) {
#if defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
#elif defined(__SSE2__)
  return static_cast<uint32_t>(_mm_movemask_ps((__m128)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < W; i++) bits |= (mask[i] ? 1u : 0u) << i;
  return bits;
#endif
}
inline bool any(Mask mask) { return mask_bits(mask) != 0; }
inline uint32_t at_least_bits(Units a, Units b) { return mask_bits(a >= b); }
#endif
inline Mask lanes_mask(All) { return first_mask(W); }
inline Mask lanes_mask(First lanes) { return first_mask(lanes.count); }

// --- memory

[[gnu::always_inline]] inline Vec load(const float* p, All) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store(float* p, Vec v, All) { __builtin_memcpy(p, &v, sizeof v); }
[[gnu::always_inline]] inline Units load_units(const void* p) {
  Units v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline void store_units(void* p, Units v) { __builtin_memcpy(p, &v, sizeof v); }

#if defined(__AVX512F__)
inline Vec load(const float* p, First lanes) { return _mm512_maskz_loadu_ps(first_mask(lanes.count), p); }
inline void store(float* p, Vec v, First lanes) { _mm512_mask_storeu_ps(p, first_mask(lanes.count), v); }
inline Units load_first_units(const void* p, int count) {
  return (Units)_mm512_maskz_loadu_epi32(first_mask(count), p);
}
#else
inline Vec load(const float* p, First lanes) {
  Vec v = {};
  for (int i = 0; i < lanes.count; i++) v[i] = p[i];
  return v;
}
inline void store(float* p, Vec v, First lanes) {
  for (int i = 0; i < lanes.count; i++) p[i] = v[i];
}
inline Units load_first_units(const void* p, int count) {
  Units v = {};
  __builtin_memcpy(&v, p, static_cast<size_t>(count) * 4);
  return v;
}
#endif

// --- bf16: W elements, in the low halves of units

[[gnu::always_inline]] inline Units load_halves(const bf16* p, All) {
  Halves h;
  __builtin_memcpy(&h, p, sizeof h);
  return __builtin_convertvector(h, Units);
}
inline Units load_halves(const bf16* p, First lanes) {
  Halves h = {};
  __builtin_memcpy(&h, p, static_cast<size_t>(lanes.count) * 2);
  return __builtin_convertvector(h, Units);
}
// Rounds to nearest even; NaN stays NaN.
[[gnu::always_inline]] inline Halves round_halves(Vec x) {
#if defined(__AVX512BF16__)
  return (Halves)_mm512_cvtneps_pbh(x);
#else
  const Units bits = (Units)x;
  const Units rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return __builtin_convertvector(x != x ? (bits >> 16) | 0x40u : rounded, Halves);
#endif
}
// W elements of a row as bf16 in the low halves, whatever the row holds.
template <class Lanes>
[[gnu::always_inline]] inline Units halves_of(const bf16* p, Lanes lanes) {
  return load_halves(p, lanes);
}
template <class Lanes>
[[gnu::always_inline]] inline Units halves_of(const float* p, Lanes lanes) {
  return __builtin_convertvector(round_halves(load(p, lanes)), Units);
}
template <class Lanes>
[[gnu::always_inline]] inline Vec load(const bf16* p, Lanes lanes) {
  return (Vec)(load_halves(p, lanes) << 16);
}
[[gnu::always_inline]] inline void store(bf16* p, Vec v, All) {
  const Halves h = round_halves(v);
  __builtin_memcpy(p, &h, sizeof h);
}
inline void store(bf16* p, Vec v, First lanes) {
  const Halves h = round_halves(v);
  __builtin_memcpy(p, &h, static_cast<size_t>(lanes.count) * 2);
}

// --- arithmetic

[[gnu::always_inline]] inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
[[gnu::always_inline]] inline Vec max_of(Vec a, Vec b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
  return _mm_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}
[[gnu::always_inline]] inline Vec min_of(Vec a, Vec b) {
#if defined(__AVX512F__)
  return _mm512_min_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_min_ps(a, b);
#elif defined(__SSE2__)
  return _mm_min_ps(a, b);
#else
  return a < b ? a : b;
#endif
}
[[gnu::always_inline]] inline Vec square_root(Vec x) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#else
  for (int i = 0; i < W; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}
[[gnu::always_inline]] inline float sum(Vec x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(x);
#else
  float total = 0;
  for (int i = 0; i < W; i++) total += x[i];
  return total;
#endif
}
inline double sum_in_double(Vec x) {
  double total = 0;
  for (int i = 0; i < W; i++) total += x[i];
  return total;
}
[[gnu::always_inline]] inline float largest(Vec x) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps(x);
#else
  float best = x[0];
  for (int i = 1; i < W; i++) best = best < x[i] ? x[i] : best;
  return best;
#endif
}

// c + a*b for float units; c + a.low*b.low + a.high*b.high for pairs of bf16.
template <class T>
inline Vec multiply_add(Units a, Units b, Vec c);
template <>
[[gnu::always_inline]] inline Vec multiply_add<float>(Units a, Units b, Vec c) {
  return fma((Vec)a, (Vec)b, c);
}
template <>
[[gnu::always_inline]] inline Vec multiply_add<bf16>(Units a, Units b, Vec c) {
#if defined(__AVX512BF16__)
  return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
#else
  const Vec low = fma((Vec)(a << 16), (Vec)(b << 16), c);
  return fma((Vec)(a & 0xffff0000u), (Vec)(b & 0xffff0000u), low);
#endif
}

// Transposes W vectors of W units.
[[gnu::always_inline]] inline void transpose(Units (&r)[W]) {
  const Units lane = lane_numbers(), low = (lane >> 1) + (lane & 1u) * static_cast<uint32_t>(W);
  const Units high = low + static_cast<uint32_t>(W / 2);
#pragma GCC unroll 4
  for (int stage = 1; stage < W; stage *= 2) {
    Units t[W];
#pragma GCC unroll 8
    for (int i = 0; i < W / 2; i++) {
      t[2 * i] = __builtin_shuffle(r[i], r[i + W / 2], low);
      t[2 * i + 1] = __builtin_shuffle(r[i], r[i + W / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) r[i] = t[i];
  }
}

// exp(x): Cody-Waite reduction and a minimax polynomial; relative error below 1.2e-7. Saturates at 0 and infinity.
[[gnu::always_inline]] inline Vec exponential(Vec x) {
  const Vec clamped = min_of(broadcast(89.f), max_of(broadcast(-104.f), x));  // a NaN stays: it comes second
  const Vec magic = broadcast(12582912.f);                                    // 1.5 * 2^23: rounds to integers
  const Vec shifted = fma(clamped, broadcast(1.44269504f), magic), n = shifted - magic;
  Vec r = fma(n, broadcast(-0.693359375f), clamped);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Vec p = broadcast(0.0013814433477818966f);
  p = fma(p, r, broadcast(0.008368796668946743f));
  p = fma(p, r, broadcast(0.041668396443128586f));
  p = fma(p, r, broadcast(0.1666651964187622f));
  p = fma(p, r, broadcast(0.4999999403953552f));
  p = fma(p, r * r, r) + broadcast(1.f);
#if defined(__AVX512F__)
  return _mm512_scalef_ps(p, n);
#else
  // 2^n in two factors, so that the ends of the range are reached.
  const Ints whole = (Ints)shifted - (Ints)magic, half = whole >> 1;
  const Vec first = (Vec)((half + 127) << 23), second = (Vec)((whole - half + 127) << 23);
  return p * first * second;
#endif
}

}  // namespace aot::cpu::AOT_ISA
