#include "data/token_header.h"

#include "backend/error.h"
#include "data/hdf5_layout.h"

namespace aot {
namespace {

constexpr hsize_t data_alignment = 4096;

// Every object is aligned, so that the place of the data does not depend on its length, and the 1.8 format puts nothing
// behind it. The file is sparse: the space of the data is reserved, never written.
bool make_file(const std::string& path, TokenDType dtype, int64_t length, int64_t& data_offset) {
  hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_alignment(access, 1, data_alignment);
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  // No times are stored, of the root group or of the dataset: the same tokens give the same file.
  hdf5::Handle file_creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(file_creation, false);
  hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, file_creation, access), H5Fclose);
  if (!file.valid()) return false;
  const hsize_t extent = static_cast<hsize_t>(length);
  hdf5::Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  hdf5::Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(creation, false);
  hdf5::Handle dataset(H5Dcreate2(file, "tokens", token_file_type(dtype), space, H5P_DEFAULT, creation, H5P_DEFAULT),
                       H5Dclose);
  if (!dataset.valid()) return false;
  if (length > 0) data_offset = static_cast<int64_t>(H5Dget_offset(dataset));
  return dataset.close() && file.close();
}

}  // namespace

TokenHeader make_token_header(const std::string& path, TokenDType dtype, int64_t length) {
  TokenHeader header;
  const auto make = [&](const std::string& made) { return make_file(made, dtype, length, header.data_offset); };
  header.bytes = hdf5_layout(path, make, length * token_bytes(dtype));
  if (length > 0 && static_cast<int64_t>(header.bytes.size()) != header.data_offset) {
    fail(ErrorCode::internal, "HDF5 laid out " + path + " in an unexpected way: this build of HDF5 is not supported");
  }
  return header;
}

bool is_token_file(const std::string& path, TokenDType dtype, int64_t length, int64_t data_offset) {
  hdf5::Session session;
  hdf5::Handle file = hdf5::open_to_read(path);
  hdf5::Handle dataset(file.valid() ? H5Dopen2(file, "tokens", H5P_DEFAULT) : -1, H5Dclose);
  if (!dataset.valid()) return false;
  hdf5::Handle space(H5Dget_space(dataset), H5Sclose);
  hdf5::Handle type(H5Dget_type(dataset), H5Tclose);
  return H5Sget_simple_extent_npoints(space) == length && H5Tequal(type, token_file_type(dtype)) > 0 &&
         (length == 0 || static_cast<int64_t>(H5Dget_offset(dataset)) == data_offset);
}

}  // namespace aot
