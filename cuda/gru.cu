// A GRU layer: its equations.
#include "recurrent_persistent.cuh"

namespace aot::cuda {
namespace {

using recurrent::HiddenOutput;
using recurrent::LayerSize;
using recurrent::Place;
using recurrent::sigmoid;

// Carries h.
template <class E>
struct Forward {
  using Element = E;
  static constexpr bool backwards = false;
  static constexpr int depth = 1, sums = 3;

  LayerSize size;
  const float* bias;
  bool from_zero;
  float* state;
  E *gates, *candidate;
  E* passed;  // `previous`
  HiddenOutput out;

  struct Inputs {
    float r, z, n, candidate_bias;
  };

  bool __host__ __device__ from_state() const { return !from_zero; }
  __device__ float* carried(int sequence, int unit) const {
    return state + static_cast<int64_t>(sequence) * size.width + unit;
  }
  __device__ float start(int sequence, int unit) const {
    const float h = from_zero ? 0 : *carried(sequence, unit);
    passed[static_cast<int64_t>(sequence) * size.window * size.width + unit] = from_float<E>(h);
    return h;
  }
  __device__ Inputs load(const Place& at) const {
    const E* gate = gates + size.row(at) * 3 * size.width + at.unit;
    const float* b = bias + at.unit;
    return {to_float(gate[0]) + b[0], to_float(gate[size.width]) + b[size.width], to_float(gate[2 * size.width]),
            b[2 * size.width]};
  }
  __device__ void step(const Place& at, const Inputs& x, const float (&share)[3], float& h) const {
    const int64_t row = size.row(at), place = row * size.width + at.unit;
    const float r = sigmoid(x.r + share[0]), z = sigmoid(x.z + share[1]), h_n = share[2] + x.candidate_bias;
    const float n = tanhf(fmaf(r, h_n, x.n));
    h = fmaf(z, h - n, n);
    E* gate = gates + row * 3 * size.width + at.unit;
    gate[0] = from_float<E>(r);
    gate[size.width] = from_float<E>(z);
    gate[2 * size.width] = from_float<E>(n);
    candidate[place] = from_float<E>(h_n);
    out.store(place, h);
    if (at.token + 1 < size.window) passed[place + size.width] = from_float<E>(h);
  }
};

// Carries the share of h's gradient that goes past the gates.
template <class E>
struct Backward {
  using Element = E;
  static constexpr bool backwards = true;
  static constexpr int depth = 3, sums = 1;

  LayerSize size;
  E* gates;
  const E *candidate, *previous;
  const float* dout;
  float* dstate;
  E* passed;  // `dhidden`

  struct Inputs {
    float r, z, n, candidate, previous, dout;
  };

  bool __host__ __device__ from_state() const { return false; }
  __device__ float* carried(int sequence, int unit) const {
    return dstate + static_cast<int64_t>(sequence) * size.width + unit;
  }
  __device__ float start(int, int) const { return 0; }
  __device__ Inputs load(const Place& at) const {
    const int64_t row = size.row(at), place = row * size.width + at.unit;
    const E* gate = gates + row * 3 * size.width + at.unit;
    return {to_float(gate[0]),          to_float(gate[size.width]), to_float(gate[2 * size.width]),
            to_float(candidate[place]), to_float(previous[place]),  dout[place]};
  }
  __device__ void step(const Place& at, const Inputs& x, const float (&share)[1], float& carried) const {
    const float d = x.dout + share[0] + carried;
    const float dn = d * (1 - x.z) * (1 - x.n * x.n), dz = d * (x.previous - x.n) * x.z * (1 - x.z);
    const float dr = dn * x.candidate * x.r * (1 - x.r);
    const float inputs[3] = {dr, dz, dn}, hidden[3] = {dr, dz, dn * x.r};
    const int64_t first = size.row(at) * 3 * size.width + at.unit;
#pragma unroll
    for (int i = 0; i < 3; i++) {
      gates[first + i * size.width] = from_float<E>(inputs[i]);
      passed[first + i * size.width] = from_float<E>(hidden[i]);
    }
    carried = d * x.z;
  }
};

LayerSize size_of_layer(int batch, int window, int64_t width) { return {batch, window, static_cast<int>(width)}; }

template <class E>
void forward(const Context& context, LayerSize size, const void* weight, const float* bias, bool from_zero,
             Tensor state, Tensor gates, Tensor candidate, Tensor previous, Tensor out) {
  const Forward<E> pass{size,
                        bias,
                        from_zero,
                        state.f32(),
                        static_cast<E*>(gates.data),
                        static_cast<E*>(candidate.data),
                        static_cast<E*>(previous.data),
                        HiddenOutput(out)};
  recurrent::run(context, pass, weight, "a GRU");
}

template <class E>
void backward(const Context& context, LayerSize size, const void* weight, Tensor gates, Tensor candidate,
              Tensor previous, Tensor dout, Tensor dstate, Tensor dhidden) {
  const Backward<E> pass{size,
                         static_cast<E*>(gates.data),
                         static_cast<const E*>(candidate.data),
                         static_cast<const E*>(previous.data),
                         dout.f32(),
                         dstate.f32(),
                         static_cast<E*>(dhidden.data)};
  recurrent::run(context, pass, weight, "a GRU");
}

}  // namespace

void gru_forward(const Context& context, int batch, int window, const void* weight_hh, const float* bias_hh,
                 bool from_zero, Tensor state, Tensor gates, Tensor candidate, Tensor previous, Tensor out) {
  const auto run = gates.dtype == DType::bf16 ? forward<bf16> : forward<float>;
  run(context, size_of_layer(batch, window, out.cols), weight_hh, bias_hh, from_zero, state, gates, candidate, previous,
      out);
}

void gru_backward(const Context& context, int batch, int window, const void* weight_hh, Tensor gates, Tensor candidate,
                  Tensor previous, Tensor dout, Tensor dstate, Tensor dhidden) {
  const auto run = gates.dtype == DType::bf16 ? backward<bf16> : backward<float>;
  run(context, size_of_layer(batch, window, dout.cols), weight_hh, gates, candidate, previous, dout, dstate, dhidden);
}

}  // namespace aot::cuda
