// defines: aot::FileLock
#pragma once
#include <string>

namespace aot {

// A lock on a file, exclusive or shared with others that share it, that the operating system drops when the process
// ends, however it ends: a killed run leaves nothing to clean up. The file holds the number of the process that has the
// lock, for people.
class FileLock {
 public:
  // Creates `path` when it is absent. When another process (or another FileLock of this one) has it: AOT_CONFIG with
  // the line `busy`, where `{holder}` becomes its number. AOT_IO when the file cannot be opened or locked.
  FileLock(const std::string& path, bool shared, const std::string& busy);
  ~FileLock() { release(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Gives the lock back; a second call does nothing.
  void release();

 private:
  int fd_ = -1;
};

}  // namespace aot
