// defines: aot::Nccl, aot::NcclHost, aot::load_nccl, aot::make_nccl_communicators
//
// NVIDIA's library of collectives between GPUs, found when the program runs: nothing here needs its headers or CUDA's.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/communicator.h"
#include "dist/world.h"

namespace aot {

class Nccl;

// What is needed of the device's runtime.
struct NcclHost {
  // For this thread. Throws AOT_DEVICE.
  std::function<void(const std::string& device)> select_device;
  // Makes a call that issues work to the stream.
  std::function<void(void* stream, const std::function<void(void*)>& call)> issue;
};

// The library that AOT_NCCL names ("off": none), or libnccl.so.2 where the loader looks, in the CUDA toolkit and in
// Python's packages. Null when none can be used: why_not then says why in one line, or is empty when none was wanted.
std::shared_ptr<const Nccl> load_nccl(std::string* why_not);

// As make_gpu_communicators (backend/gpu_backend.h).
std::vector<std::unique_ptr<Communicator>> make_nccl_communicators(std::shared_ptr<const Nccl> nccl,
                                                                   const std::vector<std::string>& devices,
                                                                   World& world, double stall_seconds, NcclHost host);

}  // namespace aot
