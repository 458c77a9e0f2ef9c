// defines: aot::TokenDType, aot::TokenHeader, aot::make_token_header, aot::is_token_file, aot::token_file_type
#pragma once
#include <cstdint>
#include <string>

#include "data/hdf5.h"

namespace aot {

enum class TokenDType { int32, uint16 };

inline const char* token_dtype_name(TokenDType dtype) { return dtype == TokenDType::int32 ? "int32" : "uint16"; }
inline int64_t token_bytes(TokenDType dtype) { return dtype == TokenDType::int32 ? 4 : 2; }
// HDF5's name for how they lie in a file.
inline hid_t token_file_type(TokenDType dtype) { return dtype == TokenDType::int32 ? H5T_STD_I32LE : H5T_STD_U16LE; }

// What a token file has before its tokens, which run from there to its end.
struct TokenHeader {
  std::string bytes;
  // Where the tokens begin, the same for every number of them above 0; 0 when there are none.
  int64_t data_offset = 0;
};

// The header of a file with one contiguous 1-D dataset `tokens` of `length`. HDF5 lays it out in a file at `path`,
// which is made and removed again. AOT_IO when it cannot be made.
TokenHeader make_token_header(const std::string& path, TokenDType dtype, int64_t length);

// Whether HDF5 finds such a dataset in a file, with the tokens from data_offset on.
bool is_token_file(const std::string& path, TokenDType dtype, int64_t length, int64_t data_offset);

}  // namespace aot
