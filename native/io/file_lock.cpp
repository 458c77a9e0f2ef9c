#include "io/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

std::string holder(int fd) {
  char text[32];
  const ssize_t count = ::pread(fd, text, sizeof text, 0);
  std::string number;
  for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; ++i) number += text[i];
  return number.empty() ? "another process" : "process " + number;
}

// Who had the lock may have taken its file away after this process opened it: then others lock another file.
bool is_at(int fd, const std::string& path) {
  struct stat open_file, named;
  if (::fstat(fd, &open_file) != 0 || ::stat(path.c_str(), &named) != 0) return false;
  return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

}  // namespace

FileLock::FileLock(const std::string& path, bool shared, const std::string& busy) {
  while (!take(path, shared, busy)) {
  }
}

bool FileLock::take(const std::string& path, bool shared, const std::string& busy) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) fail(ErrorCode::io, "cannot open the lock " + path + ": " + std::strerror(errno));
  int result;
  do {
    result = ::flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    const int error = errno;
    const std::string who = error == EWOULDBLOCK ? holder(fd) : "";
    ::close(fd);
    if (error == EWOULDBLOCK) {
      constexpr std::string_view place = "{holder}";
      std::string line = busy;
      if (const size_t at = line.find(place); at != std::string::npos) line.replace(at, place.size(), who);
      fail(ErrorCode::config, line);
    }
    fail(ErrorCode::io, "cannot lock " + path + ": " + std::strerror(error));
  }
  if (!is_at(fd, path)) {
    ::close(fd);
    return false;
  }
  fd_ = fd;
  // For people only: a failure to write it changes nothing about the lock.
  const std::string number = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(fd_, number.data(), number.size(), 0);
  return true;
}

void FileLock::release() {
  if (fd_ < 0) return;
  ::flock(fd_, LOCK_UN);  // by itself a close leaves the lock to a copy of the process that still has the file open
  ::close(std::exchange(fd_, -1));
}

}  // namespace aot
