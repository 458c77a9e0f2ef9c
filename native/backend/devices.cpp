// The one place that lists the backends.
#include "backend/backend.h"
#include "backend/error.h"
#include "reference/reference_backend.h"

namespace aot {

std::unique_ptr<Backend> make_backend(const std::string& device, const ParameterTable& table, BackendOptions options) {
  if (device == "reference") return make_reference_backend(table, options);
  if (device == "cpu") fail(ErrorCode::device, "device cpu is not built: use device reference");
  fail(ErrorCode::device, "there is no device '" + device + "' here: use cpu, or reference");
}

}  // namespace aot
