// defines: what each op file of one instruction set puts into its table
#pragma once
#include "cpu/kernels.h"

#ifndef AOT_ISA
#define AOT_ISA baseline
#endif

namespace aot::cpu::AOT_ISA {

void fill_linear(Kernels& kernels, DType precision);
void fill_attention(Kernels& kernels, DType precision);
void fill_layernorm(Kernels& kernels, DType precision);
void fill_gru(Kernels& kernels, DType precision);
void fill_lstm(Kernels& kernels, DType precision);
void fill_embedding(Kernels& kernels);
void fill_dropout(Kernels& kernels, DType precision);
void fill_cross_entropy(Kernels& kernels, DType precision);
void fill_adamw(Kernels& kernels);

}  // namespace aot::cpu::AOT_ISA
