// Causal self-attention: what is asked for, checked and given to the kernels of its dtype.
#include <cmath>
#include <string>

#include "attention.cuh"
#include "backend/error.h"

namespace aot::cuda {
namespace {

int copy_bytes(std::initializer_list<const void*> bases, int head_dim, int element) {
  int bytes = 16;  // the largest power of two that divides all of them
  for (const void* base : bases) {
    while (reinterpret_cast<uintptr_t>(base) % bytes != 0) bytes /= 2;
  }
  while (head_dim * element % bytes != 0) bytes /= 2;  // rows and heads are multiples of head_dim
  return bytes == 16 ? 16 : bytes >= 4 ? 4 : element;
}

template <class E>
attention::Arguments<E> make_arguments(int batch, int window, Tensor qkv, int heads, const DropoutArguments& dropout,
                                       Tensor out, Tensor lse) {
  attention::Arguments<E> a;
  a.qkv = static_cast<const E*>(qkv.data);
  a.out = static_cast<E*>(out.data);
  a.lse = lse.f32();
  a.batch = batch;
  a.heads = heads;
  a.window = window;
  a.head_dim = attention::checked_head_dim(out.cols, heads);
  a.copy_bytes = copy_bytes({qkv.data, out.data}, a.head_dim, sizeof(E));
  a.scale = 1.f / std::sqrt(static_cast<float>(a.head_dim));
  a.dropout = dropout;
  return a;
}

template <class E>
void forward(const Context& context, int batch, int window, Tensor qkv, int heads, const DropoutArguments& dropout,
             Tensor out, Tensor lse) {
  attention::launch_forward(context.stream, make_arguments<E>(batch, window, qkv, heads, dropout, out, lse));
}

template <class E>
void backward(const Context& context, int batch, int window, Tensor qkv, Tensor out, Tensor lse, int heads,
              const DropoutArguments& dropout, Tensor dout, Tensor dqkv) {
  attention::Arguments<E> a = make_arguments<E>(batch, window, qkv, heads, dropout, out, lse);
  a.dout = static_cast<const E*>(dout.data);
  a.dqkv = static_cast<E*>(dqkv.data);
  a.copy_bytes = copy_bytes({qkv.data, out.data, dout.data, dqkv.data}, a.head_dim, sizeof(E));
  context.workspace->begin();
  a.delta = context.workspace->take_floats(static_cast<int64_t>(batch) * heads * window, context.stream);
  attention::launch_backward(context.stream, a);
}

}  // namespace

int attention::checked_head_dim(int64_t width, int heads) {
  const int64_t head_dim = width / heads;
  if (head_dim > largest_head_dim) {
    fail(ErrorCode::config, "attention on a GPU takes heads of at most " + std::to_string(largest_head_dim) +
                                " numbers, and a width of " + std::to_string(width) + " in " + std::to_string(heads) +
                                " heads makes it " + std::to_string(head_dim) + ": use more heads, or device cpu");
  }
  return static_cast<int>(head_dim);
}

void attention_forward(const Context& context, int batch, int window, Tensor qkv, int heads,
                       const DropoutArguments& dropout, Tensor out, Tensor lse) {
  (qkv.dtype == DType::fp32 ? forward<float> : forward<bf16>)(context, batch, window, qkv, heads, dropout, out, lse);
}

void attention_backward(const Context& context, int batch, int window, Tensor qkv, Tensor out, Tensor lse, int heads,
                        const DropoutArguments& dropout, Tensor dout, Tensor dqkv) {
  (qkv.dtype == DType::fp32 ? backward<float> : backward<bf16>)(context, batch, window, qkv, out, lse, heads, dropout,
                                                                dout, dqkv);
}

}  // namespace aot::cuda
