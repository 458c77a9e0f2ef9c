// defines: aot::TokenSegment, aot::ElementType, aot::MappedSegment, aot::DecodedSegment
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/hdf5.h"

namespace aot {

// How an integer lies in a file.
struct ElementType {
  int bytes;        // 1, 2, 4 or 8
  bool is_signed;   // two's complement
  bool big_endian;  // meaningless for one byte
  // "int32", "uint16", "big-endian int64", ...
  std::string name() const;
  bool operator==(const ElementType&) const = default;
};

// A run of tokens in one file. Reading is safe from several threads at once.
class TokenSegment {
 public:
  virtual ~TokenSegment() = default;
  virtual int64_t length() const = 0;
  // Copies tokens [offset, offset + count) to out; the caller keeps within length(). AOT_DATA for an id that is not an
  // int32, AOT_IO or AOT_DATA when the file cannot be read.
  virtual void read(int64_t offset, int64_t count, int32_t* out) const = 0;
  // The tokens as they lie in memory, or null when they must be read().
  virtual const int32_t* direct() const { return nullptr; }
  // Bytes of the file that are mapped into memory.
  virtual int64_t mapped_bytes() const { return 0; }
  // Tells the kernel how it will be read: everything once, in order; or here and there, in a file that memory can hold
  // (at first), or one that it cannot.
  enum class Reading { sequential, anywhere, anywhere_in_too_much };
  virtual void expect(Reading) const {}
};

// A part of a file that holds plain integers, mapped into memory. The file must not be cut while it is open.
class MappedSegment : public TokenSegment {
 public:
  // AOT_DATA when the file ends before byte_offset + length * type.bytes.
  MappedSegment(std::string path, int64_t byte_offset, int64_t length, ElementType type);
  ~MappedSegment() override;
  int64_t length() const override { return length_; }
  void read(int64_t offset, int64_t count, int32_t* out) const override;
  const int32_t* direct() const override;
  int64_t mapped_bytes() const override { return static_cast<int64_t>(mapped_bytes_); }
  void expect(Reading how) const override;

 private:
  std::string path_;
  int64_t length_;
  ElementType type_;
  char* base_ = nullptr;
  size_t mapped_bytes_ = 0;
  const char* data_ = nullptr;
};

// A part of a dataset that must go through HDF5 (chunked, compressed, compact): decoded in blocks, of which the most
// recently used are kept, at most 256 MiB of them (and always two).
class DecodedSegment : public TokenSegment {
 public:
  // Tokens [start, start + length) of an open dataset, which it takes over together with its file. `block` is the
  // number of tokens decoded at once (a multiple of the chunk).
  DecodedSegment(std::string path, hdf5::Handle file, hdf5::Handle dataset, int64_t start, int64_t length,
                 int64_t block);
  ~DecodedSegment() override;
  int64_t length() const override { return length_; }
  void read(int64_t offset, int64_t count, int32_t* out) const override;

 private:
  using Block = std::shared_ptr<const std::vector<int32_t>>;
  Block block(int64_t number) const;
  Block cached(int64_t number) const;
  Block decode(int64_t number, const hdf5::Session&) const;

  struct Entry {
    Block block;
    std::list<int64_t>::iterator place;
  };
  std::string path_;
  mutable hdf5::Handle file_, dataset_;
  int64_t start_, length_, block_tokens_;
  size_t most_blocks_;
  mutable std::mutex mutex_;
  mutable std::list<int64_t> recent_;  // newest first
  mutable std::unordered_map<int64_t, Entry> blocks_;
};

}  // namespace aot
