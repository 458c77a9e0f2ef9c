// The random words of dropout as bits, and dropout's backward. rng.h says which word belongs to which element.
#include "cpu/dropout.h"

#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

// The even lanes' 64-bit products.
inline Longs multiply_even(Units a, Units b) {
#if defined(__AVX512F__)
  return (Longs)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Longs)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Longs)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return ((Longs)a & 0xffffffffu) * ((Longs)b & 0xffffffffu);
#endif
}

struct Product {
  Units low, high;
};
inline Product multiply_wide(Units a, Units b) {
  const Longs even = multiply_even(a, b), odd = multiply_even((Units)((Longs)a >> 32), b);
  return {(Units)((even & 0xffffffffull) | odd << 32), (Units)(even >> 32 | (odd & ~0xffffffffull))};
}

// 16 Philox blocks whose first counter word goes up by `step` from block to block; bit b of kept[j] is set when word j
// of block b is not below the threshold.
inline void keep_sixteen(const Words& words, uint32_t first, uint32_t step, uint32_t counter1, uint32_t kept[4]) {
  kept[0] = kept[1] = kept[2] = kept[3] = 0;
  const Units threshold = broadcast_units(words.threshold);
  for (int begin = 0; begin < 16; begin += W) {
    Units x0 = (lane_numbers() + static_cast<uint32_t>(begin)) * step + first, x1 = broadcast_units(counter1);
    Units x2 = broadcast_units(words.minibatch), x3 = broadcast_units(words.site);
    uint32_t key0 = static_cast<uint32_t>(words.seed), key1 = static_cast<uint32_t>(words.seed >> 32);
    for (int round = 0; round < 10; round++) {
      const Product p0 = multiply_wide(x0, broadcast_units(0xD2511F53u));
      const Product p1 = multiply_wide(x2, broadcast_units(0xCD9E8D57u));
      x0 = p1.high ^ x1 ^ key0;
      x1 = p1.low;
      x2 = p0.high ^ x3 ^ key1;
      x3 = p0.low;
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    kept[0] |= at_least_bits(x0, threshold) << begin;
    kept[1] |= at_least_bits(x1, threshold) << begin;
    kept[2] |= at_least_bits(x2, threshold) << begin;
    kept[3] |= at_least_bits(x3, threshold) << begin;
  }
}

// Bit b of x to bit 4b.
inline uint64_t spread(uint64_t x) {
  x = (x | x << 24) & 0x000000ff000000ffull;
  x = (x | x << 12) & 0x000f000f000f000full;
  x = (x | x << 6) & 0x0303030303030303ull;
  return (x | x << 3) & 0x1111111111111111ull;
}

int64_t element_bits(Words words, uint64_t first, int64_t count, uint8_t* bits) {
  const uint64_t start = first / 64 * 64, end = first + static_cast<uint64_t>(count);
  for (uint64_t index = start; index < end; index += 64, bits += 8) {
    uint32_t kept[4];
    keep_sixteen(words, static_cast<uint32_t>(index / 4), 1, static_cast<uint32_t>(index / 4 >> 32), kept);
    const uint64_t word = spread(kept[0]) | spread(kept[1]) << 1 | spread(kept[2]) << 2 | spread(kept[3]) << 3;
    __builtin_memcpy(bits, &word, sizeof word);
  }
  return static_cast<int64_t>(first - start);
}

void attention_bits(Words words, uint32_t batch_head, int window, int64_t row_bytes, uint8_t* bits) {
  for (int base = 0; base < window; base += 16) {
    for (int i = 0; i < 8 && base + i < window; i++) {
      const uint32_t row_group = static_cast<uint32_t>(base / 2 + i);
      const int64_t row = base + i;
      // 16 column groups are 32 columns: words 0 and 1 are for this row, 2 and 3 for the one 8 below.
      for (int column = 0; column <= row + 8 && column < window; column += 32) {
        uint32_t k[4];
        keep_sixteen(words, row_group | static_cast<uint32_t>(column / 2) << 16, 0x10000u, batch_head, k);
        for (int half = 0; half < 2; half++) {
          if (row + half * 8 >= window) break;
          const uint32_t a = k[2 * half], b = k[2 * half + 1];
          const uint32_t word = (a & 0xff) | (b & 0xff) << 8 | (a & 0xff00) << 8 | (b & 0xff00) << 16;
          __builtin_memcpy(bits + (row + half * 8) * row_bytes + column / 8, &word, sizeof word);
        }
      }
    }
  }
}

template <class T>
void drop(const T* x, int64_t size, KeepBits keep, T* y) {
  for_vectors(size, [&](int64_t i, auto lanes) { store(y + i, dropped_out(keep, i, load(x + i, lanes)), lanes); });
}

void dropout_forward(const void* x, int64_t n, int64_t width, KeepBits keep, void* y, DType dtype) {
  if (dtype == DType::fp32) {
    drop(static_cast<const float*>(x), n * width, keep, static_cast<float*>(y));
  } else {
    drop(static_cast<const bf16*>(x), n * width, keep, static_cast<bf16*>(y));
  }
}

template <class T>
void dropout_backward(const float* dout, int64_t n, int64_t width, KeepBits keep, float* bias_gradient, void* dy) {
  for (int64_t r = 0; r < n; r++) {
    for_vectors(width, [&](int64_t i, auto lanes) {
      const int64_t at = r * width + i;
      const Vec g = dropped_out(keep, at, load(dout + at, lanes));
      store(static_cast<T*>(dy) + at, g, lanes);
      store(bias_gradient + i, load(bias_gradient + i, lanes) + g, lanes);
    });
  }
}

}  // namespace

void fill_dropout(Kernels& kernels, DType precision) {
  kernels.element_bits = element_bits;
  kernels.attention_bits = attention_bits;
  kernels.dropout_forward = dropout_forward;
  kernels.dropout_backward = precision == DType::fp32 ? dropout_backward<float> : dropout_backward<bf16>;
}

}  // namespace aot::cpu::AOT_ISA
