// defines: aot::cpu::Isa, aot::cpu::choose_isa, aot::cpu::IsaOverride, aot::cpu::available_isas
#pragma once
#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace aot::cpu {

// The table of the chosen instruction set and precision, and its name for people.
struct Isa {
  const char* name;
  Kernels kernels;
};
// The best this processor has, or the one that the environment variable AOT_ISA names (amx, avx512, avx512_no_bf16,
// avx2, baseline). Throws AOT_DEVICE when that is unknown or not there.
Isa choose_isa(DType precision);

// While it lives, backends made on this thread use this instruction set, whatever AOT_ISA says; empty: no change.
class IsaOverride {
 public:
  explicit IsaOverride(const std::string& isa);
  ~IsaOverride();
  IsaOverride(const IsaOverride&) = delete;
  IsaOverride& operator=(const IsaOverride&) = delete;
};
// The instruction sets this processor has, best first.
std::vector<std::string> available_isas();

}  // namespace aot::cpu
