// The recurrent layers, token by token.
#include <cmath>

#include "reference/reference_lane.h"
#include "reference/values.h"

namespace aot {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

void ReferenceLane::gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero,
                                Tensor state, Tensor gates, Tensor candidate, Tensor previous, Tensor out) {
  const int64_t width = out.cols;
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    const Tensor h = state.row(sequence);
    if (from_zero) store_all(h, Values(static_cast<size_t>(width)));
    for (int64_t row = sequence * slice.window; row < (sequence + 1) * slice.window; row++) {
      store_all(previous.row(row), load_all(h));
      const Values hidden = linear(previous.row(row), weight_hh, bias_hh);
      const Values input = load_all(gates.row(row));
      for (int64_t c = 0; c < width; c++) {
        const double r = sigmoid(input[c] + hidden[c]), z = sigmoid(input[width + c] + hidden[width + c]);
        const double n = std::tanh(input[2 * width + c] + r * hidden[2 * width + c]);
        store(gates, row * 3 * width + c, r);
        store(gates, row * 3 * width + width + c, z);
        store(gates, row * 3 * width + 2 * width + c, n);
        store(candidate, row * width + c, hidden[2 * width + c]);
        store(h, c, (1 - z) * n + z * load(h, c));
        store(out, row * width + c, load(h, c));
      }
    }
  }
}

void ReferenceLane::gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate,
                                 Tensor previous, Tensor dout, Tensor dstate, Tensor dhidden) {
  const int64_t width = dout.cols;
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    const Tensor dh = dstate.row(sequence);
    store_all(dh, Values(static_cast<size_t>(width)));
    for (int64_t row = (sequence + 1) * slice.window - 1; row >= sequence * slice.window; row--) {
      const Values gate = load_all(gates.row(row));
      Values carried(static_cast<size_t>(width));
      for (int64_t c = 0; c < width; c++) {
        const double r = gate[c], z = gate[width + c], n = gate[2 * width + c];
        const double d = load(dout, row * width + c) + load(dh, c);
        const double dn = d * (1 - z) * (1 - n * n);
        const double dz = d * (load(previous, row * width + c) - n) * z * (1 - z);
        const double dr = dn * load(candidate, row * width + c) * r * (1 - r);
        const double inputs[3] = {dr, dz, dn}, hidden[3] = {dr, dz, dn * r};
        for (int g = 0; g < 3; g++) {
          store(gates, row * 3 * width + g * width + c, inputs[g]);
          store(dhidden, row * 3 * width + g * width + c, hidden[g]);
        }
        carried[c] = d * z;
      }
      const Values through = linear_transposed(dhidden.row(row), weight_hh);
      for (int64_t c = 0; c < width; c++) store(dh, c, carried[c] + through[c]);
    }
  }
}

void ReferenceLane::lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero,
                                 Tensor state, Tensor gates, Tensor cell, Tensor previous, Tensor out) {
  const int64_t width = out.cols;
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    const Tensor carried = state.row(sequence);  // h, then c
    if (from_zero) store_all(carried, Values(static_cast<size_t>(2 * width)));
    for (int64_t row = sequence * slice.window; row < (sequence + 1) * slice.window; row++) {
      for (int64_t c = 0; c < width; c++) store(previous, row * width + c, load(carried, c));
      const Values hidden = linear(previous.row(row), weight_hh, bias_hh);
      const Values input = load_all(gates.row(row));
      for (int64_t c = 0; c < width; c++) {
        const auto sum = [&](int gate) { return input[gate * width + c] + hidden[gate * width + c]; };
        const double values[4] = {sigmoid(sum(0)), sigmoid(sum(1)), std::tanh(sum(2)), sigmoid(sum(3))};
        const auto [i, f, g, o] = values;
        for (int gate = 0; gate < 4; gate++) store(gates, row * 4 * width + gate * width + c, values[gate]);
        store(carried, width + c, f * load(carried, width + c) + i * g);
        store(cell, row * width + c, load(carried, width + c));
        store(carried, c, o * std::tanh(load(carried, width + c)));
        store(out, row * width + c, load(carried, c));
      }
    }
  }
}

void ReferenceLane::lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                                  Tensor dstate) {
  const int64_t width = dout.cols;
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    const Tensor carried = dstate.row(sequence);  // of h, then of c
    store_all(carried, Values(static_cast<size_t>(2 * width)));
    const int64_t first = static_cast<int64_t>(sequence) * slice.window;
    for (int64_t row = first + slice.window - 1; row >= first; row--) {
      const Values gate = load_all(gates.row(row));
      for (int64_t c = 0; c < width; c++) {
        const double i = gate[c], f = gate[width + c], g = gate[2 * width + c], o = gate[3 * width + c];
        const double before = row == first ? 0 : load(cell, (row - 1) * width + c);
        const double saturated = std::tanh(load(cell, row * width + c));
        const double dh = load(dout, row * width + c) + load(carried, c);
        const double dc = load(carried, width + c) + dh * o * (1 - saturated * saturated);
        const double gradients[4] = {dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g),
                                     dh * saturated * o * (1 - o)};
        for (int k = 0; k < 4; k++) store(gates, row * 4 * width + k * width + c, gradients[k]);
        store(carried, width + c, dc * f);
      }
      const Values through = linear_transposed(gates.row(row), weight_hh);
      for (int64_t c = 0; c < width; c++) store(carried, c, through[c]);
    }
  }
}

}  // namespace aot
