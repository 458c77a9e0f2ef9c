// defines: aot::MergeOptions, aot::MergeResult, aot::merge_shards
#pragma once
#include <cstdint>
#include <string>

#include "tokenizer/work_control.h"

namespace aot {

struct MergeOptions {
  int threads = 1;  // that check what is written
  // How much is written between two notes of how far it has come.
  int64_t note_bytes = int64_t{256} << 20;
};

struct MergeResult {
  int64_t tokens;
  int64_t resumed_at;  // tokens that were there already, left by an earlier merge
};

// Writes one contiguous token file from the shards of the virtual file at `path`: byte for byte what TokenWriter makes
// of all tokens. Each shard's digests are compared while it is copied, and the whole file's at the end. While it works
// there are `<out>.tmp` and `<out>.tmp.json`; killed, stopped or out of space, it leaves them, and the next call goes
// on after the last noted shard if the shards are still the same and what was written holds; otherwise it starts anew.
// The progress counts every byte that is read. Where `out` is the merged file already, it is checked and left.
// AOT_CONFIG: `path` has no shards; `out` is one of the files that are read, or lies among the shards; another process
// merges there; stopped. AOT_DATA: a shard that is missing or altered. AOT_IO: the disk; not enough space.
MergeResult merge_shards(const std::string& path, const std::string& out, const MergeOptions& options,
                         const WorkControl& control);

}  // namespace aot
