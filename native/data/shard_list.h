// defines: aot::Shard, aot::ShardList, aot::write_virtual, aot::find_shard_list
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/hdf5.h"
#include "data/token_header.h"

namespace aot {

// A token file that is a part of a larger text: a header, then its tokens to the end of the file.
struct Shard {
  std::string file;  // relative to the folder of the file that lists it
  int64_t tokens = 0;
  int64_t bytes = 0;         // of the whole file
  std::string header, data;  // digests of the bytes before the tokens and of the tokens
  bool operator==(const Shard&) const = default;
};

// The shards of a text, in order.
struct ShardList {
  TokenDType dtype = TokenDType::int32;
  // Above every id of the tokenizer; 0 when it is not known.
  int64_t vocab_size = 0;
  std::vector<Shard> shards;

  int64_t tokens() const;
  // Of all the above.
  std::string digest() const;
  // Where the tokens of a shard begin in its file.
  int64_t data_offset(const Shard& shard) const { return shard.bytes - shard.tokens * token_bytes(dtype); }
};

// Where a shard is, of a virtual file at `path` (or whose folder is what precedes the last slash).
std::string shard_path(const std::string& path, const Shard& shard);

// Writes the file that makes one of the shards: HDF5 with a virtual dataset `tokens` over them, for any reader, and a
// dataset `shards` with what is known of them, for open_token_file(). The same list gives the same bytes. Whole or not
// at all, as AtomicFile. AOT_CONFIG: a shard named by an absolute path or through `..`. AOT_DATA: a shard that is not
// there, or does not hold its tokens as listed (what they are is not read). AOT_IO.
void write_virtual(const std::string& path, const ShardList& list);

// The list inside an open file; nothing when it has none. The shards are not looked at.
// AOT_DATA: damaged, or `tokens` is not over these shards.
std::optional<ShardList> find_shard_list(hid_t file, const std::string& path, const hdf5::Session&);

}  // namespace aot
