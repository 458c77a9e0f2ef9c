// defines: aot::cuda::CublasLt, load_cublaslt
//
// NVIDIA's library of matrix products, found when the program runs: nothing here needs its headers, and an addon loads
// where it is not.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "kernels.h"
#include "runtime.h"

namespace aot::cuda {

class CublasLt {
 public:
  struct Functions;
  struct Plan;
  struct Key;

  explicit CublasLt(std::unique_ptr<Functions> functions);
  ~CublasLt();

  // Issues c = A B or c += A B, with a bias (aligned to 16 bytes) only where c is fp32. False, and nothing is issued,
  // when the library has no way to do it.
  bool multiply(Stream stream, const Product& product);

 private:
  Plan* find_plan(const Product& product);

  std::unique_ptr<Functions> functions_;
  DeviceMemory workspace_;
  std::map<Key, std::unique_ptr<Plan>> plans_;  // null: the library has no way to do it
};

// For the device that is selected. Looks for the file that AOT_CUBLASLT names ("off": none); without it for
// libcublasLt.so.13 or .so.12 where the loader looks, in the CUDA toolkit and in Python's packages; for the emulated
// device, whose memory no GPU knows, nowhere else. Null when none can be used: why_not then says why in one line, or is
// empty when none was wanted.
std::unique_ptr<CublasLt> load_cublaslt(const std::string& device, std::string* why_not);

}  // namespace aot::cuda
