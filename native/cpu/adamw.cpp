// The gradients' sum over lanes with its norm, and AdamW.
#include "cpu/op_files.h"
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {
namespace {

double sum_gradients(float* const* shares, int count, int64_t begin, int64_t end) {
  double squares[W] = {};
  for (int64_t block = begin; block < end; block += 1024) {
    typedef double Doubles __attribute__((vector_size(W * 8)));
    Doubles total = {};
    for_vectors(min_of(1024, end - block), [&](int64_t i, auto lanes) {
      Vec g = load(shares[0] + block + i, lanes);
      if (count > 1) {
        for (int share = 1; share < count; share++) g = g + load(shares[share] + block + i, lanes);
        store(shares[0] + block + i, g, lanes);
      }
      const Doubles wide = __builtin_convertvector(g, Doubles);
      total = total + wide * wide;
    });
    for (int i = 0; i < W; i++) squares[i] += total[i];
  }
  double total = 0;
  for (int i = 0; i < W; i++) total += squares[i];
  return total;
}

void adamw(const AdamWStep& step, float coefficient, float* weights, float* moment1, float* moment2,
           float* const* shares, int count, int64_t begin, int64_t end) {
  for_vectors(end - begin, [&](int64_t offset, auto lanes) {
    const int64_t i = begin + offset;
    const Vec g = load(shares[0] + i, lanes) * broadcast(coefficient);
    const Vec old = load(moment1 + i, lanes);
    const Vec m = fma(g - old, broadcast(step.one_minus_beta1), old);
    const Vec v = fma(g * g, broadcast(step.one_minus_beta2), load(moment2 + i, lanes) * broadcast(step.beta2));
    const Vec denominator = fma(square_root(v), broadcast(step.root_scale), broadcast(step.epsilon));
    const Vec decayed = load(weights + i, lanes) * broadcast(step.decay);
    store(moment1 + i, m, lanes);
    store(moment2 + i, v, lanes);
    store(weights + i, decayed - broadcast(step.step_size) * (m / denominator), lanes);
    for (int share = 0; share < count; share++) store(shares[share] + i, Vec{}, lanes);
  });
}

}  // namespace

void fill_adamw(Kernels& kernels) {
  kernels.sum_gradients = sum_gradients;
  kernels.adamw = adamw;
}

}  // namespace aot::cpu::AOT_ISA
