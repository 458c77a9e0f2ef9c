// An LSTM layer: its equations.
#include "recurrent_persistent.cuh"

namespace aot::cuda {
namespace {

using recurrent::HiddenOutput;
using recurrent::LayerSize;
using recurrent::Place;
using recurrent::sigmoid;

// Carries c; state holds h and c side by side.
template <class E>
struct Forward {
  using Element = E;
  static constexpr bool backwards = false;
  static constexpr int depth = 1, sums = 4;

  LayerSize size;
  const float* bias;
  bool from_zero;
  float* state;
  E* gates;
  float* cell;
  E* passed;  // `previous`
  HiddenOutput out;

  struct Inputs {
    float x[4];
  };

  bool __host__ __device__ from_state() const { return !from_zero; }
  __device__ float* hidden(int sequence, int unit) const {
    return state + static_cast<int64_t>(sequence) * 2 * size.width + unit;
  }
  __device__ float* carried(int sequence, int unit) const { return hidden(sequence, unit) + size.width; }
  __device__ float start(int sequence, int unit) const {
    passed[static_cast<int64_t>(sequence) * size.window * size.width + unit] =
        from_float<E>(from_zero ? 0 : *hidden(sequence, unit));
    return from_zero ? 0 : *carried(sequence, unit);
  }
  __device__ Inputs load(const Place& at) const {
    Inputs inputs;
    const E* gate = gates + size.row(at) * 4 * size.width + at.unit;
#pragma unroll
    for (int i = 0; i < 4; i++) inputs.x[i] = to_float(gate[i * size.width]) + bias[i * size.width + at.unit];
    return inputs;
  }
  __device__ void step(const Place& at, const Inputs& inputs, const float (&share)[4], float& c) const {
    const int64_t row = size.row(at), place = row * size.width + at.unit;
    const float in = sigmoid(inputs.x[0] + share[0]), forget = sigmoid(inputs.x[1] + share[1]);
    const float g = tanhf(inputs.x[2] + share[2]), o = sigmoid(inputs.x[3] + share[3]);
    c = fmaf(forget, c, in * g);
    const float h = o * tanhf(c);
    const float values[4] = {in, forget, g, o};
    E* gate = gates + row * 4 * size.width + at.unit;
#pragma unroll
    for (int i = 0; i < 4; i++) gate[i * size.width] = from_float<E>(values[i]);
    cell[place] = c;
    out.store(place, h);
    if (at.token + 1 < size.window) {
      passed[place + size.width] = from_float<E>(h);
    } else {
      *hidden(at.sequence, at.unit) = h;
    }
  }
};

// Carries the gradient of c.
template <class E>
struct Backward {
  using Element = E;
  static constexpr bool backwards = true;
  static constexpr int depth = 4, sums = 1;

  LayerSize size;
  E* passed;  // `gates`
  const float *cell, *dout;
  float* dstate;

  struct Inputs {
    float in, forget, g, o, cell, before, dout;
  };

  bool __host__ __device__ from_state() const { return false; }
  __device__ float* carried(int sequence, int unit) const {
    return dstate + static_cast<int64_t>(sequence) * size.width + unit;
  }
  __device__ float start(int, int) const { return 0; }
  __device__ Inputs load(const Place& at) const {
    const int64_t row = size.row(at), place = row * size.width + at.unit;
    const E* gate = passed + row * 4 * size.width + at.unit;
    return {to_float(gate[0]),
            to_float(gate[size.width]),
            to_float(gate[2 * size.width]),
            to_float(gate[3 * size.width]),
            cell[place],
            at.token > 0 ? cell[place - size.width] : 0,
            dout[place]};
  }
  __device__ void step(const Place& at, const Inputs& x, const float (&share)[1], float& dc) const {
    const float saturated = tanhf(x.cell), dh = x.dout + share[0];
    const float dcell = fmaf(dh * x.o, 1 - saturated * saturated, dc);
    const float values[4] = {dcell * x.g * x.in * (1 - x.in), dcell * x.before * x.forget * (1 - x.forget),
                             dcell * x.in * (1 - x.g * x.g), dh * saturated * x.o * (1 - x.o)};
    E* gate = passed + size.row(at) * 4 * size.width + at.unit;
#pragma unroll
    for (int i = 0; i < 4; i++) gate[i * size.width] = from_float<E>(values[i]);
    dc = dcell * x.forget;
  }
};

LayerSize size_of_layer(int batch, int window, int64_t width) { return {batch, window, static_cast<int>(width)}; }

template <class E>
void forward(const Context& context, LayerSize size, const void* weight, const float* bias, bool from_zero,
             Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out) {
  const Forward<E> pass{size,
                        bias,
                        from_zero,
                        state.f32(),
                        static_cast<E*>(gates.data),
                        cell.f32(),
                        static_cast<E*>(previous.data),
                        HiddenOutput(out)};
  recurrent::run(context, pass, weight, "an LSTM");
}

template <class E>
void backward(const Context& context, LayerSize size, const void* weight, Tensor gates, Tensor cell, Tensor dout,
              Tensor dstate) {
  const Backward<E> pass{size, static_cast<E*>(gates.data), cell.f32(), dout.f32(), dstate.f32()};
  recurrent::run(context, pass, weight, "an LSTM");
}

}  // namespace

void lstm_forward(const Context& context, int batch, int window, const void* weight_hh, const float* bias_hh,
                  bool from_zero, Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out) {
  const auto run = gates.dtype == DType::bf16 ? forward<bf16> : forward<float>;
  run(context, size_of_layer(batch, window, out.cols), weight_hh, bias_hh, from_zero, state, gates, cell, previous,
      out);
}

void lstm_backward(const Context& context, int batch, int window, const void* weight_hh, Tensor gates, Tensor cell,
                   Tensor dout, Tensor dstate) {
  const auto run = gates.dtype == DType::bf16 ? backward<bf16> : backward<float>;
  run(context, size_of_layer(batch, window, dout.cols), weight_hh, gates, cell, dout, dstate);
}

}  // namespace aot::cuda
