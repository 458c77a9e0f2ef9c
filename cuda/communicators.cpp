// Which communicator the replicas on GPUs get.
#include <cstdio>
#include <set>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "backend/library_files.h"
#include "dist/nccl.h"
#include "peer_communicator.h"
#include "runtime.h"

namespace aot {

// NCCL takes each GPU once.
std::vector<std::unique_ptr<Communicator>> make_gpu_communicators(const std::vector<std::string>& devices, World& world,
                                                                  double stall_seconds) {
  const bool emulated = devices[0] == "emulated";
  const bool apart = emulated || std::set(devices.begin(), devices.end()).size() == devices.size();
  std::string why_not;
  if (!apart) {
    why_not = "it takes each GPU once: name different ones";
  } else if (emulated ? !environment("AOT_NCCL").empty() : world.size() * devices.size() > 1) {
    if (const auto nccl = load_nccl(&why_not)) {
      const NcclHost host{[](const std::string& device) { cuda::select_device(cuda::find_device(device)); },
                          [](void* stream, const std::function<void(void*)>& call) {
                            cuda::issue_together(static_cast<cuda::Stream>(stream), call);
                          }};
      return make_nccl_communicators(nccl, devices, world, stall_seconds, host);
    }
  }
  if (world.size() > 1) {
    if (why_not.empty()) why_not = "AOT_NCCL names the library, or is unset where it is installed";
    fail(ErrorCode::device, "GPUs of several processes need NCCL: " + why_not);
  }
  if (apart && !why_not.empty()) {
    std::fprintf(stderr, "%s: gradients are exchanged by copies between the devices instead of NCCL: %s\n",
                 devices[0].c_str(), why_not.c_str());
  }
  return cuda::make_peer_communicators(devices, stall_seconds);
}

}  // namespace aot
