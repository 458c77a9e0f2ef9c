// A GRU layer: token by token, all sequences of the slice in one product.
#include "cpu/gates.h"
#include "cpu/op_files.h"
#include "cpu/recurrent.h"

namespace aot::cpu::AOT_ISA {
namespace {

template <class T, class Out>
void forward(Scratch& scratch, RnnShape shape, const void* packed, const float* bias, bool from_zero, float* state,
             T* gates, T* candidate, T* previous, Out* out) {
  const int64_t width = shape.width;
  HiddenShares<T> hidden(scratch, shape, 3, packed);
  if (from_zero) __builtin_memset(state, 0, static_cast<size_t>(shape.batch * width) * sizeof(float));
  for (int64_t t = 0; t < shape.window; t++) {
    for (int64_t s = 0; s < shape.batch; s++) {
      T* before = previous + (s * shape.window + t) * width;
      for_vectors(width, [&](int64_t i, auto lanes) { store(before + i, load(state + s * width + i, lanes), lanes); });
    }
    hidden.compute(from_zero && t == 0 ? nullptr : previous + t * width);
    for (int s = 0; s < shape.batch; s++) {
      const int64_t row = s * shape.window + t;
      T* gate = gates + row * 3 * width;
      const float* share = hidden.row(s);
      float* h = state + s * width;
      for_vectors(width, [&](int64_t i, auto lanes) {
        const auto sum = [&](int64_t at) { return load(share + at, lanes) + load(bias + at, lanes); };
        const Vec r = sigmoid(load(gate + i, lanes) + sum(i));
        const Vec z = sigmoid(load(gate + width + i, lanes) + sum(width + i));
        const Vec q = sum(2 * width + i);
        const Vec n = hyperbolic_tangent(fma(r, q, load(gate + 2 * width + i, lanes)));
        const Vec next = fma(z, load(h + i, lanes) - n, n);
        store(gate + i, r, lanes);
        store(gate + width + i, z, lanes);
        store(gate + 2 * width + i, n, lanes);
        store(candidate + row * width + i, q, lanes);
        store(h + i, next, lanes);
        store(out + row * width + i, next, lanes);
      });
    }
  }
}

template <class T>
void gru_forward(Scratch& scratch, RnnShape shape, const void* packed, const float* bias, bool from_zero, float* state,
                 void* gates, void* candidate, void* previous, void* out, DType out_dtype) {
  const auto to = [&](auto* h) {
    forward(scratch, shape, packed, bias, from_zero, state, static_cast<T*>(gates), static_cast<T*>(candidate),
            static_cast<T*>(previous), h);
  };
  if (out_dtype == DType::fp32) {
    to(static_cast<float*>(out));
  } else {
    to(static_cast<bf16*>(out));
  }
}

template <class T>
void gru_backward(Scratch& scratch, RnnShape shape, const void* packed, void* gates_memory,
                  const void* candidate_memory, const void* previous_memory, const float* dout, float* dstate,
                  void* dhidden_memory) {
  T *gates = static_cast<T*>(gates_memory), *dhidden = static_cast<T*>(dhidden_memory);
  const T *candidate = static_cast<const T*>(candidate_memory), *previous = static_cast<const T*>(previous_memory);
  const int64_t width = shape.width;
  const Vec one = broadcast(1.f);
  __builtin_memset(dstate, 0, static_cast<size_t>(shape.batch * width) * sizeof(float));
  for (int64_t t = shape.window - 1; t >= 0; t--) {
    for (int64_t s = 0; s < shape.batch; s++) {
      const int64_t row = s * shape.window + t;
      T *gate = gates + row * 3 * width, *dgate = dhidden + row * 3 * width;
      float* dh = dstate + s * width;
      for_vectors(width, [&](int64_t i, auto lanes) {
        const Vec r = load(gate + i, lanes), z = load(gate + width + i, lanes), n = load(gate + 2 * width + i, lanes);
        const Vec d = load(dout + row * width + i, lanes) + load(dh + i, lanes);
        const Vec dn = d * (one - z) * (one - n * n);
        const Vec dz = d * (load(previous + row * width + i, lanes) - n) * z * (one - z);
        const Vec dr = dn * load(candidate + row * width + i, lanes) * r * (one - r);
        store(gate + i, dr, lanes);
        store(gate + width + i, dz, lanes);
        store(gate + 2 * width + i, dn, lanes);
        store(dgate + i, dr, lanes);
        store(dgate + width + i, dz, lanes);
        store(dgate + 2 * width + i, dn * r, lanes);
        store(dh + i, d * z, lanes);
      });
    }
    if (t > 0) carry_back(scratch, shape, 3, t, dhidden + t * 3 * width, packed, dstate, width);
  }
}

}  // namespace

void fill_gru(Kernels& kernels, DType precision) {
  for_precision(precision, [&](auto element) {
    kernels.gru_forward = gru_forward<decltype(element)>;
    kernels.gru_backward = gru_backward<decltype(element)>;
  });
}

}  // namespace aot::cpu::AOT_ISA
