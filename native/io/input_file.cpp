#include "io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

[[noreturn]] void fail_read(const std::string& path, const std::string& reason) {
  fail(ErrorCode::io, "cannot read " + path + ": " + reason + "; check that it is there and that you may read it");
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) fail_read(path_, std::strerror(errno));
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

InputFile::State InputFile::state() const {
  struct stat status;
  if (::fstat(fd_, &status) != 0) fail_read(path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail_read(path_, S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a file");
  return {status.st_size, int64_t{status.st_mtim.tv_sec} * 1000000000 + status.st_mtim.tv_nsec};
}

size_t InputFile::read(void* to, size_t bytes, int64_t offset) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        ::pread(fd_, static_cast<char*>(to) + done, bytes - done, offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_read(path_, std::strerror(errno));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace aot
