// defines: aot::make_reference_backend
//
// Every op of backend.h as plain loops with sums in double and storage in fp32 (activations in bf16 where the precision
// says so): what the fast backends are tested against. One lane, slices of one sequence, one thread.
#pragma once
#include <memory>

#include "backend/backend.h"

namespace aot {

// Throws AOT_MEMORY when the blocks do not fit. The table must outlive the backend.
std::unique_ptr<Backend> make_reference_backend(const ParameterTable& table, BackendOptions options);

}  // namespace aot
