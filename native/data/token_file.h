// defines: aot::TokenFile, aot::open_token_file
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/token_segment.h"

namespace aot {

// What a token file holds, in the order of its tokens.
struct TokenFile {
  std::vector<std::unique_ptr<TokenSegment>> segments;
  std::string dtype;  // as stored: ElementType::name()
};

// Opens the 1-D integer dataset `tokens` of an HDF5 file. Contiguous data are mapped; chunked, compressed and compact
// data are decoded through HDF5; a virtual dataset is resolved into its source files (relative names are relative to
// the file that names them), each opened by itself, because HDF5 would read a missing or short one as zeros without a
// word.
//
// AOT_IO: no such file, or it cannot be read. AOT_DATA: not HDF5, damaged or cut short, no dataset `tokens` (the
// message lists what is there), not 1-D, not integers, empty, written in part only, a source that is missing or too
// short.
TokenFile open_token_file(const std::string& path);

}  // namespace aot
