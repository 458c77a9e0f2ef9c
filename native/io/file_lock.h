// defines: aot::FileLock
#pragma once
#include <string>

namespace aot {

// An exclusive lock on a file that the operating system drops when the process ends, however it ends: a killed run
// leaves nothing to clean up. The file holds the number of the process that has the lock, for people.
class FileLock {
 public:
  // Creates `path` when it is absent. AOT_CONFIG naming the holder when another process (or another FileLock of this
  // one) has it; AOT_IO when the file cannot be opened or locked.
  explicit FileLock(const std::string& path);
  ~FileLock() { release(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Gives the lock back; a second call does nothing.
  void release();

 private:
  int fd_ = -1;
};

}  // namespace aot
