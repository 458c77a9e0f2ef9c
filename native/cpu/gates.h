// defines: sigmoid, hyperbolic_tangent
#pragma once
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {

[[gnu::always_inline]] inline Vec sigmoid(Vec x) { return broadcast(1.f) / (broadcast(1.f) + exponential(-x)); }

// Near 0 an odd polynomial (Cephes' tanhf), elsewhere 1 - 2/(exp(2|x|) + 1): relative error below 2e-7 everywhere.
[[gnu::always_inline]] inline Vec hyperbolic_tangent(Vec x) {
  const Vec magnitude = max_of(x, -x), z = x * x;
  Vec p = broadcast(-5.70498872745e-3f);
  p = fma(p, z, broadcast(2.06390887954e-2f));
  p = fma(p, z, broadcast(-5.37397155531e-2f));
  p = fma(p, z, broadcast(1.33314422036e-1f));
  p = fma(p, z, broadcast(-3.33332819422e-1f));
  const Vec near = fma(p * z, x, x);
  const Vec far = broadcast(1.f) - broadcast(2.f) / (exponential(magnitude + magnitude) + broadcast(1.f));
  const Vec big = select(greater(x, Vec{}), far, -far);
  return select(greater(magnitude, broadcast(0.625f)), big, near);
}

}  // namespace aot::cpu::AOT_ISA
