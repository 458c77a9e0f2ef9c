// An LSTM layer: token by token, all sequences of the slice in one product.
#include "cpu/gates.h"
#include "cpu/op_files.h"
#include "cpu/recurrent.h"

namespace aot::cpu::AOT_ISA {
namespace {

// state: a row a sequence, h and c side by side.
template <class T, class Out>
void forward(Scratch& scratch, RnnShape shape, const void* packed, const float* bias, bool from_zero, float* state,
             T* gates, float* cell, T* previous, Out* out) {
  const int64_t width = shape.width;
  HiddenShares<T> hidden(scratch, shape, 4, packed);
  if (from_zero) __builtin_memset(state, 0, static_cast<size_t>(shape.batch * 2 * width) * sizeof(float));
  for (int64_t t = 0; t < shape.window; t++) {
    for (int64_t s = 0; s < shape.batch; s++) {
      T* before = previous + (s * shape.window + t) * width;
      for_vectors(width,
                  [&](int64_t i, auto lanes) { store(before + i, load(state + s * 2 * width + i, lanes), lanes); });
    }
    hidden.compute(from_zero && t == 0 ? nullptr : previous + t * width);
    for (int s = 0; s < shape.batch; s++) {
      const int64_t row = s * shape.window + t;
      T* gate = gates + row * 4 * width;
      const float* share = hidden.row(s);
      float *h = state + s * 2 * width, *c = h + width;
      for_vectors(width, [&](int64_t i, auto lanes) {
        const auto sum = [&](int64_t at) {
          return load(gate + at, lanes) + load(share + at, lanes) + load(bias + at, lanes);
        };
        const Vec in = sigmoid(sum(i)), forget = sigmoid(sum(width + i));
        const Vec g = hyperbolic_tangent(sum(2 * width + i)), o = sigmoid(sum(3 * width + i));
        const Vec next = fma(forget, load(c + i, lanes), in * g), shown = o * hyperbolic_tangent(next);
        store(gate + i, in, lanes);
        store(gate + width + i, forget, lanes);
        store(gate + 2 * width + i, g, lanes);
        store(gate + 3 * width + i, o, lanes);
        store(cell + row * width + i, next, lanes);
        store(c + i, next, lanes);
        store(h + i, shown, lanes);
        store(out + row * width + i, shown, lanes);
      });
    }
  }
}

template <class T>
void lstm_forward(Scratch& scratch, RnnShape shape, const void* packed, const float* bias, bool from_zero, float* state,
                  void* gates, float* cell, void* previous, void* out, DType out_dtype) {
  const auto to = [&](auto* h) {
    forward(scratch, shape, packed, bias, from_zero, state, static_cast<T*>(gates), cell, static_cast<T*>(previous), h);
  };
  if (out_dtype == DType::fp32) {
    to(static_cast<float*>(out));
  } else {
    to(static_cast<bf16*>(out));
  }
}

template <class T>
void lstm_backward(Scratch& scratch, RnnShape shape, const void* packed, void* gates_memory, const float* cell,
                   const float* dout, float* dstate) {
  T* gates = static_cast<T*>(gates_memory);
  const int64_t width = shape.width;
  const Vec one = broadcast(1.f);
  __builtin_memset(dstate, 0, static_cast<size_t>(shape.batch * 2 * width) * sizeof(float));
  for (int64_t t = shape.window - 1; t >= 0; t--) {
    for (int64_t s = 0; s < shape.batch; s++) {
      const int64_t row = s * shape.window + t;
      T* gate = gates + row * 4 * width;
      float *dh = dstate + s * 2 * width, *dc = dh + width;
      const float* before = t > 0 ? cell + (row - 1) * width : nullptr;
      for_vectors(width, [&](int64_t i, auto lanes) {
        const Vec in = load(gate + i, lanes), forget = load(gate + width + i, lanes);
        const Vec g = load(gate + 2 * width + i, lanes), o = load(gate + 3 * width + i, lanes);
        const Vec saturated = hyperbolic_tangent(load(cell + row * width + i, lanes));
        const Vec d = load(dout + row * width + i, lanes) + load(dh + i, lanes);
        const Vec dcell = fma(d * o, one - saturated * saturated, load(dc + i, lanes));
        store(gate + i, dcell * g * in * (one - in), lanes);
        store(gate + width + i, before ? dcell * load(before + i, lanes) * forget * (one - forget) : Vec{}, lanes);
        store(gate + 2 * width + i, dcell * in * (one - g * g), lanes);
        store(gate + 3 * width + i, d * saturated * o * (one - o), lanes);
        store(dc + i, dcell * forget, lanes);
        store(dh + i, Vec{}, lanes);
      });
    }
    if (t > 0) carry_back(scratch, shape, 4, t, gates + t * 4 * width, packed, dstate, 2 * width);
  }
}

}  // namespace

void fill_lstm(Kernels& kernels, DType precision) {
  for_precision(precision, [&](auto element) {
    kernels.lstm_forward = lstm_forward<decltype(element)>;
    kernels.lstm_backward = lstm_backward<decltype(element)>;
  });
}

}  // namespace aot::cpu::AOT_ISA
