// Which instruction sets there are, and the choice among them.
#include "cpu/isa.h"

#include <cstdlib>
#include <string>
#ifdef AOT_AMX_KERNELS
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "backend/error.h"

namespace aot::cpu {

#define AOT_DECLARE_KERNELS(isa)                        \
  namespace isa {                                       \
  void fill_kernels(Kernels& kernels, DType precision); \
  }
AOT_DECLARE_KERNELS(baseline)
#ifdef AOT_X86_KERNELS
AOT_DECLARE_KERNELS(avx2)
AOT_DECLARE_KERNELS(avx512_no_bf16)
AOT_DECLARE_KERNELS(avx512)
#endif
#ifdef AOT_AMX_KERNELS
AOT_DECLARE_KERNELS(amx)
#endif
#undef AOT_DECLARE_KERNELS

namespace {

struct Candidate {
  const char *key, *name;
  bool (*available)();
  void (*fill)(Kernels&, DType);
};

#ifdef AOT_X86_KERNELS
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }
#endif
#ifdef AOT_AMX_KERNELS
// The processor has AMX's tiles in bf16, the system keeps their state, and lets this process use them: it must be asked
// once, before the first use.
bool ask_for_amx() {
  unsigned a, b, c, d;
  if (!has_avx512_bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, tile_state = 3u << 17;
  if (!(d & amx_bf16) || !(d & amx_tile)) return false;
  unsigned kept, high;
  asm("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  if ((kept & tile_state) != tile_state) return false;
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
bool has_amx() {
  static const bool has = ask_for_amx();
  return has;
}
#endif
bool always() { return true; }

// Best first.
const Candidate candidates[] = {
#ifdef AOT_AMX_KERNELS
    {"amx", "AVX-512 with AMX", has_amx, amx::fill_kernels},
#endif
#ifdef AOT_X86_KERNELS
    {"avx512", "AVX-512 with bf16", has_avx512_bf16, avx512::fill_kernels},
    {"avx512_no_bf16", "AVX-512", has_avx512, avx512_no_bf16::fill_kernels},
    {"avx2", "AVX2", has_avx2, avx2::fill_kernels},
#endif
    {"baseline", "no vector extensions", always, baseline::fill_kernels},
};

thread_local std::string override_isa;

}  // namespace

IsaOverride::IsaOverride(const std::string& isa) { override_isa = isa; }
IsaOverride::~IsaOverride() { override_isa.clear(); }

std::vector<std::string> available_isas() {
  std::vector<std::string> keys;
  for (const Candidate& candidate : candidates) {
    if (candidate.available()) keys.push_back(candidate.key);
  }
  return keys;
}

Isa choose_isa(DType precision) {
  const char* variable = std::getenv("AOT_ISA");
  const std::string wanted = !override_isa.empty() ? override_isa : variable ? variable : "";
  std::string keys;
  for (const Candidate& candidate : candidates) {
    if (!wanted.empty() && wanted != candidate.key) {
      keys += (keys.empty() ? "" : ", ") + std::string(candidate.key);
      continue;
    }
    if (candidate.available()) {
      Isa isa{candidate.name, {}};
      candidate.fill(isa.kernels, precision);
      return isa;
    }
    if (!wanted.empty()) fail(ErrorCode::device, "AOT_ISA=" + wanted + ": this processor lacks it: leave it unset");
  }
  fail(ErrorCode::device, "AOT_ISA=" + wanted + " is unknown: use one of " + keys + ", or leave it unset");
}

}  // namespace aot::cpu
