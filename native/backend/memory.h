// defines: aot::available_memory, aot::require_memory
#pragma once
#include <cstdint>
#include <string>

namespace aot {

// Bytes that this process can still take without being killed for it: what the machine has free, or less where a
// control group (a container) sets a limit.
int64_t available_memory();

// Fails with AOT_MEMORY, before anything is allocated, when `bytes` are more than that. what: "the model's parameters".
void require_memory(double bytes, const std::string& what);

}  // namespace aot
