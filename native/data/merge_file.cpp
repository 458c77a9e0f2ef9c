#include "data/merge_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/error.h"
#include "io/atomic_file.h"
#include "io/digest.h"

namespace aot {
namespace {

constexpr int note_version = 1;
// So much is given to the disk at once, while more is read, so that flushing is quick.
constexpr int64_t write_back_bytes = int64_t{8} << 20;

[[noreturn]] void fail_io(const std::string& what, const std::string& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail(ErrorCode::io, "cannot " + what + " " + path + ": " + std::strerror(error) +
                          (full ? "; free some space and merge again: what is done so far is kept" : ""));
}

bool same_file(int fd, const std::string& path) {
  struct stat open {
  }, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

}  // namespace

MergeFile::MergeFile(std::string out) : out_(std::move(out)), temporary_(out_ + ".tmp"), note_(temporary_ + ".json") {
  for (;;) {
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) fail_io("create", temporary_);
    int result;
    do {
      result = ::flock(fd_, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      const int error = errno;
      ::close(std::exchange(fd_, -1));
      if (error == EWOULDBLOCK) {
        fail(ErrorCode::config, "another process is merging to " + out_ + ": wait for it, or give another name");
      }
      errno = error;
      fail_io("lock", temporary_);
    }
    // The one that had the lock before may have given the file its name meanwhile.
    if (same_file(fd_, temporary_)) return;
    ::close(fd_);
  }
}

MergeFile::~MergeFile() {
  if (fd_ < 0) return;
  struct stat status {};
  if (::fstat(fd_, &status) == 0 && status.st_size == 0) discard();
  ::flock(fd_, LOCK_UN);  // by itself a close leaves the lock to a copy of the process that still has the file open
  ::close(fd_);
}

int64_t MergeFile::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) fail_io("read", temporary_);
  return status.st_size;
}

void MergeFile::truncate(int64_t bytes) {
  if (::ftruncate(fd_, bytes) != 0) fail_io("cut", temporary_);
  started_ = written_ = bytes;
}

void MergeFile::write_at(int64_t offset, const void* data, size_t bytes) {
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
  written_ = std::max(written_, offset);
  if (written_ - started_ >= write_back_bytes) {
    ::sync_file_range(fd_, started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }
}

std::optional<MergeNote> MergeFile::note() const {
  std::ifstream stream(note_, std::ios::binary);
  std::string line, digest;
  if (!std::getline(stream, line) || !std::getline(stream, digest) || digest != digest_of(line)) return std::nullopt;
  try {
    const nlohmann::json json = nlohmann::json::parse(line);
    if (json.at("version") != note_version) return std::nullopt;
    return MergeNote{json.at("source"), json.at("shards"), json.at("bytes")};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void MergeFile::flush(const MergeNote& note) {
  if (::fsync(fd_) != 0) fail_io("flush", temporary_);
  nlohmann::ordered_json json;
  json["version"] = note_version;
  json["source"] = note.source;
  json["shards"] = note.shards;
  json["bytes"] = note.bytes;
  const std::string line = json.dump();
  AtomicFile file(note_);
  file.write(line + "\n" + digest_of(line) + "\n");
  file.commit();
}

void MergeFile::discard() {
  ::unlink(note_.c_str());
  ::unlink(temporary_.c_str());
}

void MergeFile::commit() {
  if (::fsync(fd_) != 0) fail_io("flush", temporary_);
  if (std::rename(temporary_.c_str(), out_.c_str()) != 0) fail_io("rename to its final name", temporary_);
  ::unlink(note_.c_str());
  sync_folder(out_.substr(0, out_.rfind('/') + 1) + ".");
}

}  // namespace aot
