// defines: aot::make_gpu_backend, aot::free_gpu_memory, aot::plan_gpu_memory, aot::Emulation, aot::set_emulation
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/memory.h"
#include "dist/communicator.h"
#include "dist/world.h"

namespace aot {

// device: `cuda:N` or `emulated`. cuda/cuda_backend.cpp makes it where device code is linked, native/no_cuda/ says what
// to do where it is not. Throws AOT_DEVICE and AOT_MEMORY.
std::unique_ptr<Backend> make_gpu_backend(const std::string& device, const ParameterTable& table,
                                          BackendOptions options);

// The communicators of this process's replicas on GPUs, one a device, in their order. The group is all devices of all
// processes of the world, which make the call together: in the order of the processes. `nccl` where the library is,
// else `threads` by copies between the devices, for a world of one process alone. AOT_DEVICE says what is
// missing.
std::vector<std::unique_ptr<Communicator>> make_gpu_communicators(const std::vector<std::string>& devices, World& world,
                                                                  double stall_seconds);

// Bytes that can be allocated on the device now. AOT_DEVICE when it is not there.
int64_t free_gpu_memory(const std::string& device);
// What training on batches of so many tokens takes, of whose activations a pass takes `workspace` bytes. The device
// need not be there.
MemoryPlan plan_gpu_memory(const std::string& device, const ParameterTable& table, DType precision, int64_t tokens,
                           size_t workspace);

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
