#include "tokenizer/text_stretch.h"

#include "io/input_file.h"

namespace aot {

std::vector<TextStretch> whole_files(const std::vector<std::string>& paths) {
  std::vector<TextStretch> stretches;
  stretches.reserve(paths.size());
  for (const std::string& path : paths) {
    const int64_t size = InputFile(path).size();
    stretches.push_back({path, 0, size, size});
  }
  return stretches;
}

int64_t bytes_of(const std::vector<TextStretch>& stretches) {
  int64_t bytes = 0;
  for (const TextStretch& stretch : stretches) bytes += stretch.end - stretch.begin;
  return bytes;
}

}  // namespace aot
