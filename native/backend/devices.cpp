// The one place that lists the backends.
#include "backend/backend.h"
#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "cpu/cpu_backend.h"
#include "reference/reference_backend.h"

namespace aot {

std::unique_ptr<Backend> make_backend(const std::string& device, const ParameterTable& table, BackendOptions options) {
  if (device == "cpu") return make_cpu_backend(table, options);
  if (device == "reference") return make_reference_backend(table, options);
  if (device.starts_with("cuda") || device == "emulated") {
    return make_gpu_backend(device, table, options);
  }
  fail(ErrorCode::device, "there is no device \"" + device + "\": use cpu");
}

}  // namespace aot
