// defines: aot::AtomicFile, aot::sync_folder
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aot {

// A file that appears under its name whole or not at all: written to `<path>.tmp`, flushed to disk, renamed, the folder
// flushed. Destroyed before commit(), it leaves nothing behind. Every error is AOT_IO and names the path.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  int64_t written() const { return written_; }
  // Overwrites bytes that were written before.
  void write_at(int64_t offset, const void* data, size_t bytes);
  // Cuts the file to `bytes`; nothing may be written after it but by write_at().
  void truncate(int64_t bytes);
  // Where the bytes are until commit().
  const std::string& temporary() const { return temporary_; }
  void commit();

 private:
  std::string path_, temporary_;
  int fd_ = -1;
  int64_t written_ = 0;
  bool renamed_ = false;
};

// Flushes a folder's entries to disk. AOT_IO on failure.
void sync_folder(const std::string& folder);

}  // namespace aot
