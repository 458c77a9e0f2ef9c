# The CUDA backend. Its host side is plain C++ (cuda/*.cpp); its kernels (cuda/*.cu) are compiled twice: by nvcc into the
# addon where device code is wanted, and by the host compiler into aot_emulated.node, whose device `emulated` runs them
# on the CPU for the tests.
file(GLOB AOT_CUDA_HOST_SOURCES CONFIGURE_DEPENDS cuda/*.cpp)
file(GLOB AOT_CUDA_KERNELS CONFIGURE_DEPENDS cuda/*.cu)
set(AOT_CUDA auto CACHE STRING "device code for GPUs: auto (where nvcc and a GPU are found), on, off")
set(AOT_EMULATED on CACHE STRING "build the emulated device for the tests: on, off")

function(aot_cuda_options target)
  target_include_directories(${target} PRIVATE cuda)
  target_link_libraries(${target} PRIVATE aot_engine)
endfunction()

if(AOT_EMULATED)
  file(GLOB AOT_EMULATE_SOURCES CONFIGURE_DEPENDS cuda/emulate/*.cpp)
  set(AOT_EMULATED_KERNELS ${AOT_CUDA_KERNELS})
  list(FILTER AOT_EMULATED_KERNELS EXCLUDE REGEX "cuda/runtime\\.cu$")
  set_source_files_properties(${AOT_EMULATED_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  add_library(aot_emulated_device OBJECT ${AOT_CUDA_HOST_SOURCES} ${AOT_EMULATE_SOURCES} ${AOT_EMULATED_KERNELS})
  aot_cuda_options(aot_emulated_device)
  # The fibers of one thread share its thread-local variables; gnu2 reaches those without a call.
  target_compile_options(aot_emulated_device PRIVATE -Wno-unknown-pragmas -O2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    target_compile_options(aot_emulated_device PRIVATE -mtls-dialect=gnu2)
  endif()
endif()
