// defines: gelu
#pragma once
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {

struct Gelu {
  Vec value, derivative;
};

// The exact GELU, x * cdf(x) with the normal distribution's cdf, and its derivative cdf(x) + x * pdf(x), from one exp:
// cdf(-|x|) = exp(-x^2/2) * p(1/(1 + 0.275|x|)) with p a minimax polynomial (absolute error of value below 1.2e-7).
[[gnu::always_inline]] inline Gelu gelu(Vec x) {
  const Vec magnitude = max_of(x, -x);
  const Vec bell = exponential(x * x * broadcast(-0.5f));
  const Vec t = broadcast(1.f) / fma(magnitude, broadcast(0.275f), broadcast(1.f));
  Vec p = broadcast(-0.1141655370593071f);
  p = fma(p, t, broadcast(0.4491644501686096f));
  p = fma(p, t, broadcast(-0.326388418674469f));
  p = fma(p, t, broadcast(0.33021923899650574f));
  p = fma(p, t, broadcast(0.0435967743396759f));
  p = fma(p, t, broadcast(0.11757352203130722f));
  const Vec tail = p * t * bell;
  const Vec cdf = select(greater(x, Vec{}), broadcast(1.f) - tail, tail);
  return {x * cdf, fma(x * broadcast(0.39894228f), bell, cdf)};
}

}  // namespace aot::cpu::AOT_ISA
