// Dropout where it is not fused into a product.
#include "common.cuh"

namespace aot::cuda {
namespace {

constexpr int threads = 256;

// y = x with dropout, 4 elements a thread; whole tensors are aligned, so only the last thread may have fewer. x and y
// may be one.
template <class In, class Out>
__global__ void __launch_bounds__(threads)
    dropout_kernel(const In* x, DropoutArguments dropout, int64_t per_sequence, int64_t size, Out* y) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 4;
  if (i >= size) return;
  const int count = static_cast<int>(min(static_cast<int64_t>(4), size - i));
  float values[4];
  load4(values, x + i, count, count == 4);
  if (dropout.threshold != 0) apply_dropout(values, dropout.pass->first_row * per_sequence + i, dropout);
  store4(y + i, values, count, count == 4);
}

template <class In, class Out>
void drop(const Context& context, Tensor x, const DropoutArguments& dropout, int window, Tensor y) {
  launch(context.stream, dropout_kernel<In, Out>, ceil_div(x.size(), threads * 4), threads, 0,
         static_cast<const In*>(x.data), dropout, window * x.cols, x.size(), static_cast<Out*>(y.data));
}

}  // namespace

void dropout_forward(const Context& context, Tensor x, const DropoutArguments& dropout, int window, Tensor y) {
  if (dropout.threshold == 0 && x.data == y.data) return;
  x.dtype == DType::bf16 ? drop<bf16, bf16>(context, x, dropout, window, y)
                         : drop<float, float>(context, x, dropout, window, y);
}

void dropout_backward(const Context& context, Tensor dout, const DropoutArguments& dropout, int window,
                      float* bias_gradient, Tensor dy) {
  dy.dtype == DType::bf16 ? drop<float, bf16>(context, dout, dropout, window, dy)
                          : drop<float, float>(context, dout, dropout, window, dy);
  context.workspace->begin();
  add_column_sums(context, dy, bias_gradient);
}

}  // namespace aot::cuda
