// defines: aot::TokenDType, aot::TokenDigests, aot::TokenWriter
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/atomic_file.h"
#include "io/digest.h"

namespace aot {

enum class TokenDType { int32, uint16 };

inline const char* token_dtype_name(TokenDType dtype) { return dtype == TokenDType::int32 ? "int32" : "uint16"; }

// Of a token file: the bytes before its tokens, and those of the tokens.
struct TokenDigests {
  std::string header, data;
};

// Writes a token file: HDF5, one contiguous 1-D dataset `tokens` of little-endian int32 or uint16, of a length that is
// known only at the end. The ids are streamed straight to their final place behind a gap for HDF5's own metadata;
// commit() fills the gap. So the file costs one write of the data and no second copy on the disk.
//
// The file appears under its name whole or not at all (AtomicFile): until commit() it is `<path>.tmp`; destroyed before
// commit(), the writer leaves nothing behind and an older file of that name stays as it was.
// Errors: AOT_IO (disk: names the file, and the cure when it is full), AOT_DATA (an id that does not fit).
// Not for several threads at once.
class TokenWriter {
 public:
  TokenWriter(std::string path, TokenDType dtype);
  ~TokenWriter();
  TokenWriter(const TokenWriter&) = delete;
  TokenWriter& operator=(const TokenWriter&) = delete;

  // Appends ids, each in 0..2^31-1 (int32) or 0..65535 (uint16). Nothing is appended when one does not fit.
  void append(const int32_t* ids, size_t count);
  // Tokens appended so far.
  int64_t length() const { return length_; }
  // Completes, checks, flushes and names the file. Call once; no append() after it. Zero tokens are allowed.
  void commit();
  // After commit().
  const TokenDigests& digests() const { return digests_; }
  int64_t file_bytes() const { return file_.written(); }

 private:
  void flush();
  void check() const;

  std::string path_, header_path_;
  TokenDType dtype_;
  AtomicFile file_;
  Digest data_digest_;
  TokenDigests digests_;
  std::vector<std::byte> buffer_;
  size_t buffered_ = 0;
  int64_t length_ = 0;
  int64_t data_offset_ = 0;
  // The first and the last id, to be found again by check().
  int32_t first_ = 0, last_ = 0;
};

}  // namespace aot
