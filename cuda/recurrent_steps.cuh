// defines: forward_in_steps, backward_in_steps
//
// A recurrent layer token by token: the product of the hidden state, then a kernel for the cell. For every shape and
// dtype; a launch or two a token, so that a GPU is mostly waiting where the layer is small.
#pragma once
#include "recurrent.cuh"

namespace aot::cuda {

constexpr int cell_threads = 256;

// Calls body(sequence, unit) for every unit of every sequence.
template <class Body>
__device__ __forceinline__ void for_unit(const LayerShape& shape, Body body) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * cell_threads + threadIdx.x;
  if (i < static_cast<int64_t>(shape.batch) * shape.width) {
    body(static_cast<int>(i / shape.width), static_cast<int>(i % shape.width));
  }
}

// The state before the first token, to where the products read it.
template <class Layer>
__global__ void __launch_bounds__(cell_threads) start_kernel(Layer layer) {
  for_unit(layer.shape, [&](int sequence, int unit) {
    typename Layer::template Carried<1> carried;
    layer.load(carried, sequence, unit, layer.shape.from_zero);
    layer.save(carried, sequence, unit);
    store_units(layer.previous + static_cast<int64_t>(sequence) * layer.shape.window * layer.shape.width + unit,
                carried.h);
  });
}

// hidden: [batch, gates * width] fp32, or null where the hidden state is zero.
template <class Layer>
__global__ void __launch_bounds__(cell_threads) step_kernel(Layer layer, int token, const float* hidden) {
  constexpr int gate_count = Layer::gate_count;
  for_unit(layer.shape, [&](int sequence, int unit) {
    const int width = layer.shape.width;
    const int64_t row = static_cast<int64_t>(sequence) * layer.shape.window + token;
    typename Layer::template Carried<1> carried;
    layer.load(carried, sequence, unit, false);
    float x[gate_count][1], share[gate_count][1] = {};
#pragma unroll
    for (int g = 0; g < gate_count; g++) {
      load_units(x[g], layer.gates + row * gate_count * width + g * width + unit);
      if (hidden) share[g][0] = hidden[static_cast<int64_t>(sequence) * gate_count * width + g * width + unit];
    }
    layer.step(carried, row, unit, x, share, token + 1 == layer.shape.window);
    layer.save(carried, sequence, unit);
  });
}

template <class Gradients>
__global__ void __launch_bounds__(cell_threads) backward_step_kernel(Gradients gradients, int token) {
  for_unit(gradients.shape, [&](int sequence, int unit) {
    typename Gradients::template Carried<1> carried;
    float through[1] = {0};
    if (token + 1 == gradients.shape.window) {
      gradients.clear(carried);
    } else {
      gradients.load(carried, through, sequence, unit);
    }
    gradients.step(carried, static_cast<int64_t>(sequence) * gradients.shape.window + token, unit, through, token == 0);
    gradients.save(carried, sequence, unit);
  });
}

inline int cell_blocks(const LayerShape& shape) {
  return ceil_div(static_cast<int64_t>(shape.batch) * shape.width, cell_threads);
}

// weight_hh [gates * width, width] in the dtype of E.
template <class Layer>
void forward_in_steps(const Context& context, const Layer& layer, const void* weight_hh, DType dtype) {
  const LayerShape& shape = layer.shape;
  const int64_t columns = static_cast<int64_t>(Layer::gate_count) * shape.width;
  context.workspace->begin();
  float* hidden = context.workspace->take_floats(shape.batch * columns, context.stream);
  launch(context.stream, start_kernel<Layer>, cell_blocks(shape), cell_threads, 0, layer);
  for (int token = 0; token < shape.window; token++) {
    const bool zero = token == 0 && shape.from_zero;
    if (!zero) {
      Product product;
      product.a = layer.previous + static_cast<int64_t>(token) * shape.width;
      product.lda = static_cast<int64_t>(shape.window) * shape.width;
      product.b = weight_hh;
      product.b_transposed = true;
      product.c = hidden;
      product.in = dtype;
      product.m = shape.batch;
      product.n = product.ldc = columns;
      product.k = product.ldb = shape.width;
      const size_t mark = context.workspace->mark();
      multiply(context, product);
      context.workspace->rewind(mark);
    }
    launch(context.stream, step_kernel<Layer>, cell_blocks(shape), cell_threads, 0, layer, token,
           zero ? nullptr : hidden);
  }
}

template <class Gradients>
void backward_in_steps(const Context& context, const Gradients& gradients, const void* weight_hh, DType dtype) {
  const LayerShape& shape = gradients.shape;
  const int64_t columns = static_cast<int64_t>(Gradients::gate_count) * shape.width;
  context.workspace->begin();
  for (int token = shape.window - 1; token >= 0; token--) {
    launch(context.stream, backward_step_kernel<Gradients>, cell_blocks(shape), cell_threads, 0, gradients, token);
    if (token == 0) break;
    Product product;
    product.a = gradients.hidden + token * columns;
    product.lda = shape.window * columns;
    product.b = weight_hh;
    product.c = gradients.dstate;
    product.in = dtype;
    product.m = shape.batch;
    product.n = product.ldb = shape.width;
    product.k = columns;
    product.ldc = static_cast<int64_t>(Gradients::state_count) * shape.width;
    product.then = Product::Then::accumulate;
    const size_t mark = context.workspace->mark();
    multiply(context, product);
    context.workspace->rewind(mark);
  }
}

}  // namespace aot::cuda
