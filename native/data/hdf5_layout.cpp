#include "data/hdf5_layout.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "backend/error.h"
#include "data/hdf5.h"

namespace aot {
namespace {

std::string disk_trouble(const std::string& path, const std::string& what) {
  const std::string reason = errno != 0 ? std::string(": ") + std::strerror(errno) : std::string();
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return "cannot " + what + " " + path + reason +
         (full ? "; free some space and start again" : "; check that the folder is writable and has space");
}

}  // namespace

std::string hdf5_layout(const std::string& path, const std::function<bool(const std::string& path)>& make,
                        int64_t left_out) {
  struct Removed {
    const std::string& path;
    ~Removed() { ::unlink(path.c_str()); }
  } removed{path};
  errno = 0;
  bool made;
  {
    hdf5::Session session;
    made = make(path);
  }
  if (!made) fail(ErrorCode::io, disk_trouble(path, "create"));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(ErrorCode::io, disk_trouble(path, "read"));
  if (status.st_size <= left_out) {
    fail(ErrorCode::internal, "HDF5 laid out " + path + " in an unexpected way: this build of HDF5 is not supported");
  }
  std::string bytes(static_cast<size_t>(status.st_size - left_out), '\0');
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    fail(ErrorCode::io, disk_trouble(path, "read"));
  }
  return bytes;
}

}  // namespace aot
