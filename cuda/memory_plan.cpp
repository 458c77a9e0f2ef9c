// What training takes of a GPU's memory, as cuda_backend.cpp and the kernels allocate it.
#include <algorithm>

#include "backend/gpu_backend.h"
#include "runtime.h"

namespace aot {

int64_t free_gpu_memory(const std::string& device) {
  cuda::select_device(cuda::find_device(device));
  return cuda::free_memory();
}

MemoryPlan plan_gpu_memory(const std::string& device, const ParameterTable& table, DType precision, int64_t tokens,
                           size_t workspace) {
  constexpr int most_multiprocessors = 160;
  const bool emulated = device == "emulated";
  const cuda::DeviceProperties properties = emulated ? cuda::device_properties(0) : cuda::DeviceProperties();
  const auto element = static_cast<int64_t>(size_of(precision));
  const int64_t blocks =
      table.block_size() * (4 * static_cast<int64_t>(sizeof(float)) + (precision == DType::bf16 ? element : 0));
  // Inputs, targets and order in two slots and where the kernels read them, and a loss each.
  const int64_t batch = tokens * (3 * 3 + 1) * static_cast<int64_t>(sizeof(int32_t));
  int64_t padded = 0;
  for (const Parameter& parameter : table) padded = std::max(padded, parameter.padded_rows);
  const auto rows = [&](size_t bytes, int64_t size) {  // of logits that exist at a time, in whole tiles
    return std::min(tokens, std::max<int64_t>(128, static_cast<int64_t>(bytes) / (padded * size)));
  };
  const int64_t sums = padded * rows(properties.sums_bytes, 4) * 4;
  const int64_t logits = padded * rows(properties.logits_bytes, element) * element;
  // Of products that are split: two tiles for each multiprocessor.
  const int64_t splits = int64_t{2} * (emulated ? properties.multiprocessors : most_multiprocessors) * 128 * 128 * 4;
  // Where the workspace grows, the memory before is kept until the end of the pass.
  const int64_t ops = sums + (sums + logits) + (sums + logits + splits);
  constexpr int64_t context = 600 << 20, emulated_process = 110 << 20;  // the driver's, and cuBLASLt's
  return {blocks + batch + ops + static_cast<int64_t>(workspace), emulated ? emulated_process : context};
}

}  // namespace aot
