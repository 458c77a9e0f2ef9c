// defines: aot::check_shards, aot::require_shards, aot::read_shard, aot::has_digest, aot::for_each_index
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/shard_list.h"
#include "io/input_file.h"
#include "tokenizer/work_control.h"

namespace aot {

// Reads every shard of the virtual file at `path` whole, `threads` at a time, and compares size and digests. For each:
// nothing when it is right, else what is wrong ("missing", "cut short: ...", "damaged: ..."). Adds the bytes to the
// progress. Shards that are right need not be read by the next require_shards().
std::vector<std::string> check_shards(const std::string& path, const ShardList& list, int threads,
                                      const WorkControl& control);

// The same for opening: reads those shards only of which it is not known that they are as they were when they were last
// found right. AOT_DATA: what is wrong, where, and the cure.
void require_shards(const std::string& path, const ShardList& list);

// Reads one shard, at `file`, whole and gives its tokens to `take` as they lie there. What is wrong with it, as above;
// take() may have had a part of it then. AOT_IO when it cannot be read.
std::string read_shard(const std::string& file, const Shard& shard, const ShardList& list, const WorkControl& control,
                       const std::function<void(const char* bytes, size_t count)>& take);

// Whether bytes [begin, end) of a file have this digest; false when it ends before.
bool has_digest(const InputFile& file, int64_t begin, int64_t end, const std::string& digest,
                const WorkControl& control);

// Calls work(index) for every index below count, on `threads` threads. The first error ends it and is thrown again.
void for_each_index(size_t count, int threads, const std::function<void(size_t index)>& work);

}  // namespace aot
