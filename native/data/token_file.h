// defines: aot::TokenFile, aot::open_token_file, aot::read_shard_list
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/shard_list.h"
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
// word. A file that write_virtual() made knows its shards: one that is missing or altered is found out before anything
// is read of it.
//
// AOT_IO: no such file, or it cannot be read. AOT_DATA: not HDF5, damaged or cut short, no dataset `tokens` (the
// message lists what is there), not 1-D, not integers, empty, written in part only, a source that is missing or too
// short, a shard that is not as it was written.
TokenFile open_token_file(const std::string& path);

// The shards of a file that write_virtual() made, which are not looked at; nothing for other token files. Errors as
// above.
std::optional<ShardList> read_shard_list(const std::string& path);

}  // namespace aot
