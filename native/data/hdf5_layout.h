// defines: aot::hdf5_layout
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace aot {

// What HDF5 writes into a file: `make` makes one at `path`, which is read, but for `left_out` bytes at its end, and
// removed again. So files can be written by other means, which say what is wrong with the disk and flush.
// AOT_IO when make() says false or the file cannot be read.
std::string hdf5_layout(const std::string& path, const std::function<bool(const std::string& path)>& make,
                        int64_t left_out = 0);

}  // namespace aot
