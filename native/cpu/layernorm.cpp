// LayerNorm over the rows, in fp32.
#include "cpu/op_files.h"
#include "cpu/simd.h"

namespace aot::cpu::AOT_ISA {
namespace {

constexpr float epsilon = 1e-5f;

template <class T>
void layernorm_forward(const float* x, int64_t n, int64_t width, const float* weight, const float* bias, void* y,
                       float* stats) {
  const float inverse_width = 1.f / static_cast<float>(width);
  for (int64_t r = 0; r < n; r++) {
    const float* row = x + r * width;
    T* out = static_cast<T*>(y) + r * width;
    Vec total = {}, squares = {};
    for_vectors(width, [&](int64_t i, auto lanes) { total = total + load(row + i, lanes); });
    const float mean = sum(total) * inverse_width;
    const Vec center = broadcast(mean);
    for_vectors(width, [&](int64_t i, auto lanes) {
      const Vec d = keep(lanes_mask(lanes), load(row + i, lanes) - center);
      squares = fma(d, d, squares);
    });
    const float inverse_deviation = 1.f / __builtin_sqrtf(sum(squares) * inverse_width + epsilon);
    stats[2 * r] = mean;
    stats[2 * r + 1] = inverse_deviation;
    const Vec factor = broadcast(inverse_deviation);
    for_vectors(width, [&](int64_t i, auto lanes) {
      const Vec normal = (load(row + i, lanes) - center) * factor;
      store(out + i, fma(normal, load(weight + i, lanes), load(bias + i, lanes)), lanes);
    });
  }
}

void layernorm_backward(const float* x, const float* stats, int64_t n, int64_t width, const float* weight,
                        const float* dy, float* dx, bool accumulate, float* weight_gradient, float* bias_gradient) {
  const float inverse_width = 1.f / static_cast<float>(width);
  for (int64_t r = 0; r < n; r++) {
    const float *row = x + r * width, *d = dy + r * width;
    float* out = dx + r * width;
    const Vec center = broadcast(stats[2 * r]), factor = broadcast(stats[2 * r + 1]);
    Vec total = {}, projection = {};
    for_vectors(width, [&](int64_t i, auto lanes) {
      const Vec normal = (load(row + i, lanes) - center) * factor, g = load(d + i, lanes);
      store(weight_gradient + i, fma(g, normal, load(weight_gradient + i, lanes)), lanes);
      store(bias_gradient + i, load(bias_gradient + i, lanes) + g, lanes);
      const Vec weighted = g * load(weight + i, lanes);  // zero in lanes past the end
      total = total + weighted;
      projection = fma(weighted, normal, projection);
    });
    const Vec mean = broadcast(sum(total) * inverse_width), along = broadcast(sum(projection) * inverse_width);
    for_vectors(width, [&](int64_t i, auto lanes) {
      const Vec normal = (load(row + i, lanes) - center) * factor;
      const Vec weighted = load(d + i, lanes) * load(weight + i, lanes);
      const Vec g = (weighted - mean - normal * along) * factor;
      store(out + i, accumulate ? load(out + i, lanes) + g : g, lanes);
    });
  }
}

}  // namespace

void fill_layernorm(Kernels& kernels, DType precision) {
  kernels.layernorm_forward = precision == DType::fp32 ? layernorm_forward<float> : layernorm_forward<bf16>;
  kernels.layernorm_backward = layernorm_backward;
}

}  // namespace aot::cpu::AOT_ISA
