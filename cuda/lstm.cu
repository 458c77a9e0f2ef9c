// The LSTM layer and its gradients.
#include "recurrent_persistent.cuh"
#include "recurrent_steps.cuh"

namespace aot::cuda {
namespace {

template <class E, class Out>
void forward(const Context& context, const RecurrentTensors& t, const void* weight_hh, const float* bias_hh,
             bool from_zero) {
  LstmLayer<E, Out> layer;
  layer.shape = {t.batch, t.window, static_cast<int>(t.out.cols), from_zero};
  layer.bias = bias_hh;
  layer.state = t.state.f32();
  layer.gates = static_cast<E*>(t.gates.data);
  layer.kept = t.kept.f32();
  layer.previous = static_cast<E*>(t.previous.data);
  layer.out = static_cast<Out*>(t.out.data);
  if (!forward_persistent(context, layer, weight_hh)) forward_in_steps(context, layer, weight_hh, t.gates.dtype);
}

template <class E>
void backward(const Context& context, const RecurrentTensors& t, const void* weight_hh) {
  LstmGradients<E> gradients;
  gradients.shape = {t.batch, t.window, static_cast<int>(t.out.cols), true};
  gradients.gates = static_cast<E*>(t.gates.data);
  gradients.hidden = gradients.gates;
  gradients.kept = t.kept.f32();
  gradients.dout = t.out.f32();
  gradients.dstate = t.state.f32();
  if (!backward_persistent(context, gradients, weight_hh)) {
    backward_in_steps(context, gradients, weight_hh, t.gates.dtype);
  }
}

}  // namespace

void lstm_forward(const Context& context, const RecurrentTensors& tensors, const void* weight_hh, const float* bias_hh,
                  bool from_zero) {
  const bool half = tensors.gates.dtype == DType::bf16, half_out = tensors.out.dtype == DType::bf16;
  const auto run = !half ? forward<float, float> : half_out ? forward<bf16, bf16> : forward<bf16, float>;
  run(context, tensors, weight_hh, bias_hh, from_zero);
}

void lstm_backward(const Context& context, const RecurrentTensors& tensors, const void* weight_hh) {
  const auto run = tensors.gates.dtype == DType::bf16 ? backward<bf16> : backward<float>;
  run(context, tensors, weight_hh);
}

}  // namespace aot::cuda
