// defines: aot::TextStretch, aot::whole_files
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace aot {

// A stretch of one file, in bytes. It begins and ends where the file may be cut (tokenizer/unit_cut.h), or at the
// file's ends.
struct TextStretch {
  std::string path;
  int64_t begin, end;
  int64_t file_size;  // as planned: a file of another size by now has changed
};

// Whole files, as large as they are now. AOT_IO when one cannot be opened.
std::vector<TextStretch> whole_files(const std::vector<std::string>& paths);

// Of all of them.
int64_t bytes_of(const std::vector<TextStretch>& stretches);

}  // namespace aot
