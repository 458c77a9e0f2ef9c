// defines: aot::MergeFile, aot::MergeNote
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace aot {

// How far a merge has come. Kept in `<out>.tmp.json`.
struct MergeNote {
  std::string source;  // digest of the list of shards
  int64_t shards = 0;  // that are in the file, flushed
  int64_t bytes = 0;   // where the last of them ends
};

// The file of a merge while it is made: `<out>.tmp`, which a killed merge leaves and the next one goes on with. It is
// locked, by a lock that the operating system drops with the process. Every error is AOT_IO and names the path, but for
// AOT_CONFIG when another process merges to the same place.
class MergeFile {
 public:
  explicit MergeFile(std::string out);
  // An empty file is removed.
  ~MergeFile();
  MergeFile(const MergeFile&) = delete;
  MergeFile& operator=(const MergeFile&) = delete;

  const std::string& temporary() const { return temporary_; }
  int64_t size() const;
  void truncate(int64_t bytes);
  void write_at(int64_t offset, const void* data, size_t bytes);
  // Nothing when there is none, or it is not whole.
  std::optional<MergeNote> note() const;
  // Flushes the file, then writes the note.
  void flush(const MergeNote& note);
  // Removes the file and its note.
  void discard();
  // Flushes, gives the file its name and removes the note.
  void commit();

 private:
  std::string out_, temporary_, note_;
  int fd_ = -1;
  int64_t started_ = 0, written_ = 0;  // up to where writing to the disk has begun, and where it could begin
};

}  // namespace aot
