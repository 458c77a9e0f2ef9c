// defines: aot::best_of_isa
#pragma once
#include <cstdlib>
#include <string_view>

namespace aot {

// The best implementation that `named` has for this processor ("avx512", "avx2", "scalar"; null where it lacks one).
// The environment variable AOT_ISA (see cpu/isa.h) names the best that may be taken.
template <class Function>
Function best_of_isa(Function (*named)(std::string_view)) {
  const char* variable = std::getenv("AOT_ISA");
  const std::string_view isa = variable ? variable : "";
  if (isa != "avx2" && isa != "baseline") {
    if (const Function function = named("avx512")) return function;
  }
  if (isa != "baseline") {
    if (const Function function = named("avx2")) return function;
  }
  return named("scalar");
}

}  // namespace aot
