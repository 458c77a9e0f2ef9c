#include "data/token_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "backend/error.h"
#include "data/hdf5.h"

namespace aot {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are written in the machine's order");

constexpr size_t buffer_bytes = size_t{1} << 20;
constexpr hsize_t data_alignment = 4096;

size_t bytes_per_token(TokenDType dtype) { return dtype == TokenDType::int32 ? 4 : 2; }

hid_t file_type(TokenDType dtype) { return dtype == TokenDType::int32 ? H5T_STD_I32LE : H5T_STD_U16LE; }

struct Header {
  std::string bytes;    // what HDF5 puts before the data
  int64_t data_offset;  // where the data begins; 0 when there is none
};

std::string disk_trouble(const std::string& path, const std::string& what) {
  const std::string reason = errno != 0 ? std::string(": ") + std::strerror(errno) : std::string();
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return "cannot " + what + " " + path + reason +
         (full ? "; free some space and start again" : "; check that the folder is writable and has space");
}

// Lets HDF5 lay out a file with `length` tokens and returns what comes before them. The file is sparse (the space of
// the data is reserved, never written) and is removed again. Every object is aligned, so that the place of the data
// does not depend on its length, and the 1.8 format puts nothing behind it.
Header make_header(const std::string& path, TokenDType dtype, int64_t length) {
  struct Removed {
    const std::string& path;
    ~Removed() { ::unlink(path.c_str()); }
  } removed{path};
  Header header{};
  errno = 0;
  bool made = false;
  {
    hdf5::Session session;
    hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_alignment(access, 1, data_alignment);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    // No times are stored, of the root group or of the dataset: the same tokens give the same file.
    hdf5::Handle file_creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(file_creation, false);
    hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, file_creation, access), H5Fclose);
    const hsize_t extent = static_cast<hsize_t>(length);
    hdf5::Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
    hdf5::Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_layout(creation, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(creation, false);
    if (file.valid()) {
      hdf5::Handle dataset(H5Dcreate2(file, "tokens", file_type(dtype), space, H5P_DEFAULT, creation, H5P_DEFAULT),
                           H5Dclose);
      if (dataset.valid()) {
        if (length > 0) header.data_offset = static_cast<int64_t>(H5Dget_offset(dataset));
        made = dataset.close();
      }
      made = file.close() && made;
    }
  }
  if (!made) fail(ErrorCode::io, disk_trouble(path, "create"));

  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(ErrorCode::io, disk_trouble(path, "read"));
  const int64_t data_bytes = length * static_cast<int64_t>(bytes_per_token(dtype));
  const int64_t header_bytes = status.st_size - data_bytes;
  if (header_bytes <= 0 || (length > 0 && header_bytes != header.data_offset)) {
    fail(ErrorCode::internal, "HDF5 laid out " + path + " in an unexpected way: this build of HDF5 is not supported");
  }
  header.bytes.resize(static_cast<size_t>(header_bytes));
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(header.bytes.data(), header_bytes)) fail(ErrorCode::io, disk_trouble(path, "read"));
  return header;
}

std::string refuse_folder(std::string path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    fail(ErrorCode::io, "cannot write " + path + ": it is a folder; give the name of a file");
  }
  return path;
}

}  // namespace

TokenWriter::TokenWriter(std::string path, TokenDType dtype)
    : path_(refuse_folder(std::move(path))),
      header_path_(path_ + ".tmp.header"),
      dtype_(dtype),
      file_(path_),
      buffer_(buffer_bytes) {
  data_offset_ = make_header(header_path_, dtype_, 1).data_offset;
  const std::string gap(static_cast<size_t>(data_offset_), '\0');
  file_.write(gap);
}

TokenWriter::~TokenWriter() = default;

void TokenWriter::append(const int32_t* ids, size_t count) {
  if (count == 0) return;
  const int32_t most = dtype_ == TokenDType::uint16 ? 65535 : INT32_MAX;
  bool fits = true;
  for (size_t i = 0; i < count; ++i) fits &= ids[i] >= 0 && ids[i] <= most;
  if (!fits) {
    const int32_t* wrong = std::find_if(ids, ids + count, [most](int32_t id) { return id < 0 || id > most; });
    fail(ErrorCode::data, "token id " + std::to_string(*wrong) + " at place " +
                              std::to_string(length_ + (wrong - ids)) + " does not fit " + token_dtype_name(dtype_) +
                              " (0 to " + std::to_string(most) + ") of " + path_ +
                              (*wrong > most ? ": use dtype int32" : ""));
  }
  if (length_ == 0) first_ = ids[0];
  last_ = ids[count - 1];
  length_ += static_cast<int64_t>(count);

  const size_t width = bytes_per_token(dtype_);
  while (count > 0) {
    const size_t now = std::min(count, (buffer_bytes - buffered_) / width);
    std::byte* to = buffer_.data() + buffered_;
    if (dtype_ == TokenDType::int32) {
      std::memcpy(to, ids, now * width);
    } else {
      uint16_t* narrow = reinterpret_cast<uint16_t*>(to);
      for (size_t i = 0; i < now; ++i) narrow[i] = static_cast<uint16_t>(ids[i]);
    }
    buffered_ += now * width;
    ids += now;
    count -= now;
    if (buffered_ == buffer_bytes) flush();
  }
}

void TokenWriter::flush() {
  file_.write(buffer_.data(), buffered_);
  data_digest_.add(buffer_.data(), buffered_);
  buffered_ = 0;
}

void TokenWriter::commit() {
  flush();
  const Header header = make_header(header_path_, dtype_, length_);
  if (length_ > 0 && header.data_offset != data_offset_) {
    fail(ErrorCode::internal, "HDF5 moved the data of " + path_ + ": this build of HDF5 is not supported");
  }
  if (length_ == 0) file_.truncate(static_cast<int64_t>(header.bytes.size()));
  file_.write_at(0, header.bytes.data(), header.bytes.size());
  check();
  digests_ = {digest_of(header.bytes), data_digest_.hex()};
  file_.commit();
}

// Opens what was written as any reader would.
void TokenWriter::check() const {
  hdf5::Session session;
  hdf5::Handle file(H5Fopen(file_.temporary().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  hdf5::Handle dataset(file.valid() ? H5Dopen2(file, "tokens", H5P_DEFAULT) : -1, H5Dclose);
  bool whole = dataset.valid();
  if (whole) {
    hdf5::Handle space(H5Dget_space(dataset), H5Sclose);
    hdf5::Handle type(H5Dget_type(dataset), H5Tclose);
    whole = H5Sget_simple_extent_npoints(space) == length_ && H5Tequal(type, file_type(dtype_)) > 0;
    if (whole && length_ > 0) {
      const hsize_t one = 1;
      hdf5::Handle memory(H5Screate_simple(1, &one, nullptr), H5Sclose);
      for (const auto& [place, id] : {std::pair<int64_t, int32_t>{0, first_}, {length_ - 1, last_}}) {
        const hsize_t start = static_cast<hsize_t>(place);
        int32_t found = -1;
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &one, nullptr);
        whole = whole && H5Dread(dataset, H5T_NATIVE_INT32, memory, space, H5P_DEFAULT, &found) >= 0 && found == id;
      }
    }
  }
  if (!whole) {
    fail(ErrorCode::io, "what was written to " + path_ + " cannot be read back: check the disk and start again");
  }
}

}  // namespace aot
