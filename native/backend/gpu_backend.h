// defines: aot::make_gpu_backend, aot::Emulation, aot::set_emulation
#pragma once
#include <memory>
#include <string>

#include "backend/backend.h"

namespace aot {

// device: `cuda:N` or `emulated`. cuda/cuda_backend.cpp makes it where device code is linked, native/no_cuda/ says what
// to do where it is not. Throws AOT_DEVICE and AOT_MEMORY.
std::unique_ptr<Backend> make_gpu_backend(const std::string& device, const ParameterTable& table,
                                          BackendOptions options);

// How the emulated device runs kernels.
struct Emulation {
  // In which order threads that are ready go on: 0: first come, first served; 1: last come first, so that a warp runs
  // as far ahead as it may; others: a seed.
  int order = 0;
  bool copy_at_once = false;  // asynchronous copies are done when issued instead of when waited for
  int64_t memory_limit = 0;   // bytes of "device memory"; 0: what the host has
  int multiprocessors = 2;    // of backends made from now on; of cooperative launches at once
};
// For the launches from now on. Throws AOT_DEVICE where the emulated device is not linked.
void set_emulation(const Emulation& emulation);

}  // namespace aot
