// Programs that never crash look like programs that cannot: this target has one mistake of each kind that the others
// look for, and its inputs must be reported.
#include <climits>
#include <memory>

#include "support.h"
#include "tokenizer/bpe_trainer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const volatile size_t past = size;
  if (input == "past the end") {
    const std::vector<uint8_t> padded(past, ' ');  // lacks the padding
    std::vector<uint32_t> starts(past + aot::pretokenize_padding);
    aot::pretokenize(padded.data(), past, starts.data());
  }
  if (input == "overflow") {
    const volatile int most = INT_MAX;
    return static_cast<int>(most + static_cast<int>(past)) & 0;
  }
  if (input == "exception") throw std::runtime_error("not an aot::Error");
  if (input == "leak") {
    [[maybe_unused]] static std::string* volatile kept = nullptr;
    kept = new std::string(100, 'x');
    kept = nullptr;
  }
  aot::fuzz::require(!input.starts_with("un"), "no input starts so");  // is found by mutation
  return 0;
}
