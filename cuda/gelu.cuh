// defines: gelu
#pragma once
#include "common.cuh"

namespace aot::cuda {

struct Gelu {
  float value, derivative;
};

// The exact GELU, x * cdf(x) with the normal distribution's cdf, and its derivative cdf(x) + x * pdf(x), from one exp:
// cdf(-|x|) = exp(-x^2/2) * p(1/(1 + 0.275|x|)) with p a minimax polynomial, as in native/cpu/gelu.h (absolute error
// of value below 1.2e-7).
__device__ __forceinline__ Gelu gelu(float x) {
  const float bell = exp_fast(x * x * -0.5f);
  const float t = __fdividef(1.f, 1.f + fabsf(x) * 0.275f);
  float p = -0.1141655370593071f;
  p = p * t + 0.4491644501686096f;
  p = p * t - 0.326388418674469f;
  p = p * t + 0.33021923899650574f;
  p = p * t + 0.0435967743396759f;
  p = p * t + 0.11757352203130722f;
  const float tail = p * t * bell;
  const float cdf = x > 0 ? 1 - tail : tail;
  return {x * cdf, x * 0.39894228f * bell + cdf};
}

}  // namespace aot::cuda
