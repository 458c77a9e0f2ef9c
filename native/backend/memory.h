// defines: aot::MemoryPlan, aot::available_memory, aot::require_memory
#pragma once
#include <cstdint>
#include <string>

namespace aot {

// What training takes of a device's memory. That of a cpu, of `reference` and of `emulated` is the machine's.
struct MemoryPlan {
  int64_t engine = 0;   // weights, gradients, moments, copies of the weights, activations and batches. bytes
  int64_t process = 0;  // of the process beside the engine, or of the driver for it
};

// Bytes that this process can still take without being killed for it: what the machine has free, or less where a
// control group (a container) sets a limit.
int64_t available_memory();

// Fails with AOT_MEMORY, before anything is allocated, when `bytes` are more than that. what: "the model's parameters".
void require_memory(double bytes, const std::string& what);

}  // namespace aot
