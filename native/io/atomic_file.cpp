#include "io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

[[noreturn]] void fail_io(const std::string& what, const std::string& path) {
  const int error = errno;
  std::string cure;
  if (error == ENOSPC || error == EDQUOT) cure = "; free some space and start again: what was saved before is whole";
  fail(ErrorCode::io, "cannot " + what + " " + path + ": " + std::strerror(error) + cure);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".tmp") {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_io("create", temporary_);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!renamed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(fd_, from, bytes);
    if (count < 0) {
      if (errno == EINTR) continue;
      fail_io("write", temporary_);
    }
    from += count;
    bytes -= static_cast<size_t>(count);
    written_ += count;
  }
}

void AtomicFile::write_at(int64_t offset, const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::pwrite(fd_, from, bytes, offset);
    if (count < 0) {
      if (errno == EINTR) continue;
      fail_io("write", temporary_);
    }
    from += count;
    bytes -= static_cast<size_t>(count);
    offset += count;
  }
}

void AtomicFile::truncate(int64_t bytes) {
  if (::ftruncate(fd_, bytes) != 0) fail_io("cut", temporary_);
  written_ = bytes;
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail_io("flush", temporary_);
  if (::close(std::exchange(fd_, -1)) != 0) fail_io("close", temporary_);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail_io("rename to its final name", temporary_);
  renamed_ = true;
  const size_t slash = path_.rfind('/');
  sync_folder(slash == std::string::npos ? "." : path_.substr(0, slash + 1));
}

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_io("open the folder", folder);
  const int result = ::fsync(fd);
  ::close(fd);
  if (result != 0 && errno != EINVAL) fail_io("flush the folder", folder);
}

}  // namespace aot
