// defines: GruLayer, LstmLayer, GruGradients, LstmGradients: one token's step of a few units of one sequence
//
// What a thread does for `count` neighbouring units (1 or 2) once the product of the hidden state is there, the same
// for the kernels that take a token at a time (recurrent_steps.cuh) and for those that stay for the whole window
// (recurrent_persistent.cuh). Equations and tensors: native/backend/backend.h. A row is a sequence's token.
#pragma once
#include "common.cuh"

namespace aot::cuda {

// --- `count` neighbours in memory, aligned together ----------------------------------------------------------------

template <int count>
__device__ __forceinline__ void load_units(float (&x)[count], const float* from) {
  if constexpr (count == 2) {
    uint32_t r[2];
    load8(r, from);
    memcpy(x, r, 8);
  } else {
    x[0] = *from;
  }
}
template <int count>
__device__ __forceinline__ void load_units(float (&x)[count], const bf16* from) {
  if constexpr (count == 2) {
    uint32_t pair;
    memcpy(&pair, from, 4);
    x[0] = low_bf16(pair);
    x[1] = high_bf16(pair);
  } else {
    x[0] = to_float(*from);
  }
}
template <int count>
__device__ __forceinline__ void store_units(float* to, const float (&x)[count]) {
  if constexpr (count == 2) {
    uint32_t r[2];
    memcpy(r, x, 8);
    store8(to, r);
  } else {
    *to = x[0];
  }
}
template <int count>
__device__ __forceinline__ void store_units(bf16* to, const float (&x)[count]) {
  if constexpr (count == 2) {
    const uint32_t pair = pack_bf16(x[0], x[1]);
    memcpy(to, &pair, 4);
  } else {
    *to = to_bf16(x[0]);
  }
}

// --- the cells' functions --------------------------------------------------------------------------------------------

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + exp_fast(-x)); }
// Near 0 an odd polynomial (Cephes' tanhf), so that small values keep their digits.
__device__ __forceinline__ float hyperbolic_tangent(float x) {
  const float magnitude = fabsf(x);
  if (magnitude > 0.625f) {
    const float far = 1 - 2 / (exp_fast(2 * magnitude) + 1);
    return x < 0 ? -far : far;
  }
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  return x + x * z * p;
}

// --- layers: E is act, Out the dtype of `out`
// --------------------------------------------------------------------------

struct LayerShape {
  int batch = 0, window = 0, width = 0;
  bool from_zero = false;
};

template <class E, class Out>
struct GruLayer {
  using Element = E;
  static constexpr int gate_count = 3;
  LayerShape shape;
  const float* bias;
  float* state;
  E *gates, *kept, *previous;  // kept: h_n
  Out* out;

  template <int count>
  struct Carried {
    float h[count];
  };

  template <int count>
  __device__ __forceinline__ void load(Carried<count>& carried, int sequence, int unit, bool zero) const {
    if (zero) {
#pragma unroll
      for (int i = 0; i < count; i++) carried.h[i] = 0;
    } else {
      load_units(carried.h, state + static_cast<int64_t>(sequence) * shape.width + unit);
    }
  }
  template <int count>
  __device__ __forceinline__ void save(const Carried<count>& carried, int sequence, int unit) const {
    store_units(state + static_cast<int64_t>(sequence) * shape.width + unit, carried.h);
  }
  // x: the input's shares on entry. hidden: h weight_hh^T.
  template <int count>
  __device__ __forceinline__ void step(Carried<count>& carried, int64_t row, int unit, const float (&x)[3][count],
                                       const float (&hidden)[3][count], bool last) const {
    const int width = shape.width;
    float b[3][count], r[count], z[count], q[count], n[count];
#pragma unroll
    for (int g = 0; g < 3; g++) load_units(b[g], bias + g * width + unit);
#pragma unroll
    for (int i = 0; i < count; i++) {
      r[i] = sigmoid(x[0][i] + hidden[0][i] + b[0][i]);
      z[i] = sigmoid(x[1][i] + hidden[1][i] + b[1][i]);
      q[i] = hidden[2][i] + b[2][i];
      n[i] = hyperbolic_tangent(x[2][i] + r[i] * q[i]);
      carried.h[i] = n[i] + z[i] * (carried.h[i] - n[i]);
    }
    E* gate = gates + row * 3 * width + unit;
    store_units(gate, r);
    store_units(gate + width, z);
    store_units(gate + 2 * width, n);
    store_units(kept + row * width + unit, q);
    store_units(out + row * width + unit, carried.h);
    if (!last) store_units(previous + (row + 1) * width + unit, carried.h);
  }
};

template <class E, class Out>
struct LstmLayer {
  using Element = E;
  static constexpr int gate_count = 4;
  LayerShape shape;
  const float* bias;
  float* state;
  E* gates;
  float* kept;  // c
  E* previous;
  Out* out;

  template <int count>
  struct Carried {
    float h[count], c[count];
  };

  template <int count>
  __device__ __forceinline__ void load(Carried<count>& carried, int sequence, int unit, bool zero) const {
    if (zero) {
#pragma unroll
      for (int i = 0; i < count; i++) carried.h[i] = carried.c[i] = 0;
    } else {
      const float* from = state + static_cast<int64_t>(sequence) * 2 * shape.width + unit;
      load_units(carried.h, from);
      load_units(carried.c, from + shape.width);
    }
  }
  template <int count>
  __device__ __forceinline__ void save(const Carried<count>& carried, int sequence, int unit) const {
    float* to = state + static_cast<int64_t>(sequence) * 2 * shape.width + unit;
    store_units(to, carried.h);
    store_units(to + shape.width, carried.c);
  }
  template <int count>
  __device__ __forceinline__ void step(Carried<count>& carried, int64_t row, int unit, const float (&x)[4][count],
                                       const float (&hidden)[4][count], bool last) const {
    const int width = shape.width;
    float values[4][count];
#pragma unroll
    for (int g = 0; g < 4; g++) {
      float b[count];
      load_units(b, bias + g * width + unit);
#pragma unroll
      for (int i = 0; i < count; i++) {
        const float sum = x[g][i] + hidden[g][i] + b[i];
        values[g][i] = g == 2 ? hyperbolic_tangent(sum) : sigmoid(sum);
      }
    }
#pragma unroll
    for (int i = 0; i < count; i++) {
      carried.c[i] = values[1][i] * carried.c[i] + values[0][i] * values[2][i];
      carried.h[i] = values[3][i] * hyperbolic_tangent(carried.c[i]);
    }
#pragma unroll
    for (int g = 0; g < 4; g++) store_units(gates + row * 4 * width + g * width + unit, values[g]);
    store_units(kept + row * width + unit, carried.c);
    store_units(out + row * width + unit, carried.h);
    if (!last) store_units(previous + (row + 1) * width + unit, carried.h);
  }
};

// --- their gradients
// ---------------------------------------------------------------------------------------------------

template <class E>
struct GruGradients {
  using Element = E;
  static constexpr int gate_count = 3, state_count = 1;
  LayerShape shape;
  E *gates, *hidden;  // hidden: the gradients of the hidden state's shares, what the product reads
  const E *kept, *previous;
  const float* dout;
  float* dstate;

  template <int count>
  struct Carried {
    float h[count];  // of the hidden state, beside what comes through the product
  };

  template <int count>
  __device__ __forceinline__ void clear(Carried<count>& carried) const {
#pragma unroll
    for (int i = 0; i < count; i++) carried.h[i] = 0;
  }
  // In steps dstate holds the whole: the product is added to what is carried.
  template <int count>
  __device__ __forceinline__ void load(Carried<count>& carried, float (&through)[count], int sequence, int unit) const {
    clear(carried);
    load_units(through, dstate + static_cast<int64_t>(sequence) * shape.width + unit);
  }
  template <int count>
  __device__ __forceinline__ void save(const Carried<count>& carried, int sequence, int unit) const {
    store_units(dstate + static_cast<int64_t>(sequence) * shape.width + unit, carried.h);
  }
  template <int count>
  __device__ __forceinline__ void step(Carried<count>& carried, int64_t row, int unit, const float (&through)[count],
                                       bool) const {
    const int width = shape.width;
    const int64_t at = row * width + unit, gate_at = row * 3 * width + unit;
    float r[count], z[count], n[count], q[count], before[count], d[count], dhidden[count];
    load_units(r, gates + gate_at);
    load_units(z, gates + gate_at + width);
    load_units(n, gates + gate_at + 2 * width);
    load_units(q, kept + at);
    load_units(before, previous + at);
    load_units(d, dout + at);
#pragma unroll
    for (int i = 0; i < count; i++) {
      const float total = d[i] + carried.h[i] + through[i];
      const float dn = total * (1 - z[i]) * (1 - n[i] * n[i]);
      const float dz = total * (before[i] - n[i]) * z[i] * (1 - z[i]);
      const float dr = dn * q[i] * r[i] * (1 - r[i]);
      carried.h[i] = total * z[i];
      dhidden[i] = dn * r[i];
      r[i] = dr;
      z[i] = dz;
      n[i] = dn;
    }
    store_units(gates + gate_at, r);
    store_units(gates + gate_at + width, z);
    store_units(gates + gate_at + 2 * width, n);
    store_units(hidden + gate_at, r);
    store_units(hidden + gate_at + width, z);
    store_units(hidden + gate_at + 2 * width, dhidden);
  }
};

template <class E>
struct LstmGradients {
  using Element = E;
  static constexpr int gate_count = 4, state_count = 2;
  LayerShape shape;
  E *gates, *hidden;  // one and the same
  const float* kept;
  const float* dout;
  float* dstate;

  template <int count>
  struct Carried {
    float c[count];
  };

  template <int count>
  __device__ __forceinline__ void clear(Carried<count>& carried) const {
#pragma unroll
    for (int i = 0; i < count; i++) carried.c[i] = 0;
  }
  template <int count>
  __device__ __forceinline__ void load(Carried<count>& carried, float (&through)[count], int sequence, int unit) const {
    const float* from = dstate + static_cast<int64_t>(sequence) * 2 * shape.width + unit;
    load_units(through, from);
    load_units(carried.c, from + shape.width);
  }
  // In steps the product is added to zeros.
  template <int count>
  __device__ __forceinline__ void save(const Carried<count>& carried, int sequence, int unit) const {
    const float zero[count] = {};
    float* to = dstate + static_cast<int64_t>(sequence) * 2 * shape.width + unit;
    store_units(to, zero);
    store_units(to + shape.width, carried.c);
  }
  template <int count>
  __device__ __forceinline__ void step(Carried<count>& carried, int64_t row, int unit, const float (&through)[count],
                                       bool first_token) const {
    const int width = shape.width;
    const int64_t at = row * width + unit, gate_at = row * 4 * width + unit;
    float values[4][count], c[count], before[count] = {}, d[count];
#pragma unroll
    for (int g = 0; g < 4; g++) load_units(values[g], gates + gate_at + g * width);
    load_units(c, kept + at);
    if (!first_token) load_units(before, kept + at - width);
    load_units(d, dout + at);
#pragma unroll
    for (int i = 0; i < count; i++) {
      const float in = values[0][i], forget = values[1][i], g = values[2][i], o = values[3][i];
      const float saturated = hyperbolic_tangent(c[i]), dh = d[i] + through[i];
      const float dc = carried.c[i] + dh * o * (1 - saturated * saturated);
      carried.c[i] = dc * forget;
      values[0][i] = dc * g * in * (1 - in);
      values[1][i] = dc * before[i] * forget * (1 - forget);
      values[2][i] = dc * in * (1 - g * g);
      values[3][i] = dh * saturated * o * (1 - o);
    }
#pragma unroll
    for (int g = 0; g < 4; g++) store_units(gates + gate_at + g * width, values[g]);
  }
};

}  // namespace aot::cuda
