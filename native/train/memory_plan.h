// defines: aot::plan_memory, aot::free_memory
#pragma once
#include <cstdint>
#include <string>

#include "backend/memory.h"
#include "train/engine.h"

namespace aot {

// What training takes for batches of `batch` sequences, and `valid_batch` at validation, of attn_length tokens each.
// Nothing is allocated, and the device need not be there. AOT_CONFIG as the engine.
MemoryPlan plan_memory(const EngineOptions& options, int batch, int valid_batch);

// Bytes that can be allocated on the device now. AOT_DEVICE when it is not there.
int64_t free_memory(const std::string& device);

}  // namespace aot
