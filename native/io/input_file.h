// defines: aot::InputFile
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace aot {

// A file opened for reading, by position; never mapped, because a mapped file that shrinks kills the process.
// Every error is AOT_IO and names the path.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  // When it is asked for. AOT_IO when it is not a regular file.
  struct State {
    int64_t size, modified_ns;
    bool operator==(const State&) const = default;
  };
  State state() const;
  int64_t size() const { return state().size; }
  // Reads up to `bytes` bytes at `offset`; fewer only at the file's end.
  size_t read(void* to, size_t bytes, int64_t offset) const;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace aot
