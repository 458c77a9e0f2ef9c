// defines: aot::FileStamp, aot::stamp_of, aot::ShardStamps
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/shard_list.h"

namespace aot {

// What changes when somebody writes to a file or puts another in its place.
struct FileStamp {
  int64_t size = 0, modified_ns = 0, changed_ns = 0;
  uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
};

// Nothing when there is no such file.
std::optional<FileStamp> stamp_of(const std::string& path);

// The stamps of shards that were read and found right: `checked.json` beside them. A help only: what cannot be read or
// written is as if it were not there.
class ShardStamps {
 public:
  // Of the virtual file at `path`, whose shards are `list`; the list must live as long.
  ShardStamps(const std::string& path, const ShardList& list);
  // Whether the file is as it was when it was found right.
  bool hold(size_t shard, const FileStamp& stamp) const;
  // Found right, with this stamp; or nothing is known any more.
  void set(size_t shard, const std::optional<FileStamp>& stamp);
  // Writes them, when one has changed.
  void save() const;

 private:
  void parse(const std::string& text);

  const ShardList& list_;
  std::string file_;
  std::vector<std::optional<FileStamp>> known_;  // by shard
  bool changed_ = false;
};

}  // namespace aot
