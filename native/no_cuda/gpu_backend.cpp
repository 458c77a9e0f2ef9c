// What stands in for cuda/ in a build without device code.
#include "backend/gpu_backend.h"

#include "backend/error.h"

namespace aot {

namespace {

[[noreturn]] void fail_absent(const std::string& device) {
  if (device == "emulated") {
    fail(ErrorCode::device,
         "device emulated is for development and was not built: run bin/setup in a clone of the project");
  }
  fail(ErrorCode::device, "device " + device +
                              ": this build has no device code: install the CUDA toolkit (nvcc) and build again with "
                              "`npm run build:native -- --CDAOT_CUDA=on`, or use --device cpu");
}

}  // namespace

std::unique_ptr<Backend> make_gpu_backend(const std::string& device, const ParameterTable&, BackendOptions) {
  fail_absent(device);
}

int64_t free_gpu_memory(const std::string& device) { fail_absent(device); }

MemoryPlan plan_gpu_memory(const std::string& device, const ParameterTable&, DType, int64_t, size_t) {
  fail_absent(device);
}

std::vector<std::unique_ptr<Communicator>> make_gpu_communicators(const std::vector<std::string>&, World&, double) {
  fail(ErrorCode::internal, "communicators for GPUs in a build without device code: report this");
}

void set_emulation(const Emulation&) { fail(ErrorCode::device, "this addon has no emulated device"); }

}  // namespace aot
