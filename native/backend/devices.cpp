// The one place that lists the backends.
#include <string>

#include "backend/backend.h"
#include "backend/error.h"
#include "cpu/cpu_backend.h"
#if __has_include("reference/reference_backend.h")
#include "reference/reference_backend.h"
#define AOT_REFERENCE 1
#endif

namespace aot {

std::unique_ptr<Backend> make_backend(const std::string& device, const ParameterTable& table, BackendOptions options) {
  if (device == "cpu") return make_cpu_backend(table, options);
#ifdef AOT_REFERENCE
  if (device == "reference") return make_reference_backend(table, options);
#endif
  fail(ErrorCode::device, "device \"" + device + "\" is not there: use \"cpu\"");
}

}  // namespace aot
