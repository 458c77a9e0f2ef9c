// The kernels of one instruction set.
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {

void fill_kernels(Kernels& kernels, DType precision) {
  fill_linear(kernels, precision);
  fill_attention(kernels, precision);
  fill_gru(kernels, precision);
  fill_lstm(kernels, precision);
  fill_layernorm(kernels, precision);
  fill_embedding(kernels);
  fill_dropout(kernels, precision);
  fill_cross_entropy(kernels, precision);
  fill_adamw(kernels);
}

}  // namespace aot::cpu::AOT_ISA
