// defines: what each op file of one instruction set puts into its table
#pragma once
#include "cpu/amx.h"
#include "cpu/kernels.h"

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

// Calls fill with an element of the precision's type; kernels of tiles exist in bf16 alone.
template <class Fill>
void for_precision(DType precision, Fill&& fill) {
  if constexpr (!has_tiles) {
    if (precision == DType::fp32) return fill(float{});
  }
  fill(bf16{});
}

}  // namespace aot::cpu::AOT_ISA
