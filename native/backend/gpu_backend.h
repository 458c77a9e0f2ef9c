// defines: aot::make_gpu_backend
#pragma once
#include <memory>
#include <string>

#include "backend/backend.h"

namespace aot {

// device: `cuda:N` or `emulated`. cuda/cuda_backend.cpp makes it where device code is linked, native/no_cuda/ says what
// to do where it is not. Throws AOT_DEVICE and AOT_MEMORY.
std::unique_ptr<Backend> make_gpu_backend(const std::string& device, const ParameterTable& table,
                                          BackendOptions options);

}  // namespace aot
