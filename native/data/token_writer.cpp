#include "data/token_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "backend/error.h"
#include "data/hdf5.h"

namespace aot {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are written in the machine's order");

constexpr size_t buffer_bytes = size_t{1} << 20;

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
  data_offset_ = make_token_header(header_path_, dtype_, 1).data_offset;
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

  const size_t width = static_cast<size_t>(token_bytes(dtype_));
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
  const TokenHeader header = make_token_header(header_path_, dtype_, length_);
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
    whole = H5Sget_simple_extent_npoints(space) == length_ && H5Tequal(type, token_file_type(dtype_)) > 0;
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
