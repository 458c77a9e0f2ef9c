# The CPU backend: its kernels are compiled once for each instruction set and chosen at run time (isa.cpp).
include(CheckCXXCompilerFlag)
target_sources(aot_engine PRIVATE
  native/cpu/cpu_backend.cpp native/cpu/cpu_lane.cpp native/cpu/gradient_exchange.cpp native/cpu/isa.cpp native/cpu/memory.cpp)

set(AOT_PRODUCT_SOURCES attention cross_entropy gru linear lstm)
set(AOT_KERNEL_SOURCES kernel_table adamw dropout embedding layernorm ${AOT_PRODUCT_SOURCES})

# aot_add_kernels(isa "sources" flags...)
function(aot_add_kernels isa sources)
  list(TRANSFORM sources PREPEND native/cpu/)
  list(TRANSFORM sources APPEND .cpp)
  add_library(aot_kernels_${isa} OBJECT ${sources})
  target_include_directories(aot_kernels_${isa} PRIVATE native)
  target_compile_definitions(aot_kernels_${isa} PRIVATE AOT_ISA=${isa})
  # -O3 in every build type: out-of-line copies of inline functions must not be shared between instruction sets.
  target_compile_options(aot_kernels_${isa} PRIVATE -Wall -Wextra -Wno-psabi -Wno-uninitialized -Wno-maybe-uninitialized
    -fno-math-errno -fno-trapping-math
    -ffp-contract=off -O3 ${ARGN})
  if(AOT_SANITIZE)
    target_compile_options(aot_kernels_${isa} PRIVATE -fsanitize=${AOT_SANITIZE} -fno-omit-frame-pointer -g)
  endif()
  target_sources(aot_engine PRIVATE $<TARGET_OBJECTS:aot_kernels_${isa}>)
endfunction()

aot_add_kernels(baseline "${AOT_KERNEL_SOURCES}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(AOT_AVX2 -mavx2 -mfma)
  set(AOT_AVX512 ${AOT_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
  aot_add_kernels(avx2 "${AOT_KERNEL_SOURCES}" ${AOT_AVX2})
  aot_add_kernels(avx512_no_bf16 "${AOT_KERNEL_SOURCES}" ${AOT_AVX512})
  aot_add_kernels(avx512 "${AOT_KERNEL_SOURCES}" ${AOT_AVX512} -mavx512bf16)
  set(AOT_ISA_DEFINITIONS AOT_X86_KERNELS)
  # AMX needs a compiler that knows it, and Linux, which must be asked for the tiles.
  set(AOT_AMX -mavx512bf16 -mamx-tile -mamx-bf16)
  list(JOIN AOT_AMX " " AOT_AMX_FLAGS)
  check_cxx_compiler_flag("${AOT_AMX_FLAGS}" AOT_HAS_AMX_FLAGS)
  if(AOT_HAS_AMX_FLAGS AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
    aot_add_kernels(amx "kernel_table_amx;${AOT_PRODUCT_SOURCES}" ${AOT_AVX512} ${AOT_AMX})
    list(APPEND AOT_ISA_DEFINITIONS AOT_AMX_KERNELS)
  endif()
  set_source_files_properties(native/cpu/isa.cpp PROPERTIES COMPILE_DEFINITIONS "${AOT_ISA_DEFINITIONS}")
endif()
