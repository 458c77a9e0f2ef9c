// The kernels of AMX: the matrix products in bf16. What has none is the same as with AVX-512.
#include "cpu/op_files.h"

namespace aot::cpu {

namespace avx512 {
void fill_kernels(Kernels& kernels, DType precision);
}

namespace AOT_ISA {

void fill_kernels(Kernels& kernels, DType precision) {
  avx512::fill_kernels(kernels, precision);
  if (precision == DType::fp32) return;
  fill_linear(kernels, precision);
  fill_attention(kernels, precision);
  fill_gru(kernels, precision);
  fill_lstm(kernels, precision);
  fill_cross_entropy(kernels, precision);
}

}  // namespace AOT_ISA
}  // namespace aot::cpu
