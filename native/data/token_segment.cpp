#include "data/token_segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

constexpr int64_t cache_bytes = int64_t{256} << 20;

template <class Integer>
Integer swap_bytes(Integer value) {
  if constexpr (sizeof(Integer) == 1) return value;
  if constexpr (sizeof(Integer) == 2) return static_cast<Integer>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(Integer) == 4) return static_cast<Integer>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(Integer) == 8) return static_cast<Integer>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

// Returns the first place whose value is not an int32, or -1. What was there before is copied.
template <class Integer, bool swapped>
int64_t convert(const char* from, int64_t count, int32_t* out) {
  constexpr bool always_fits = sizeof(Integer) < 4 || std::is_same_v<Integer, int32_t>;
  for (int64_t i = 0; i < count; ++i) {
    Integer value;
    std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(Integer)), sizeof(Integer));
    if constexpr (swapped) value = swap_bytes(value);
    if constexpr (!always_fits) {
      if (!std::in_range<int32_t>(value)) return i;
    }
    out[i] = static_cast<int32_t>(value);
  }
  return -1;
}

template <class Signed, class Unsigned>
int64_t convert_width(const char* from, int64_t count, int32_t* out, const ElementType& type) {
  const bool swapped = type.bytes > 1 && type.big_endian != (std::endian::native == std::endian::big);
  if (type.is_signed) {
    return swapped ? convert<Signed, true>(from, count, out) : convert<Signed, false>(from, count, out);
  }
  return swapped ? convert<Unsigned, true>(from, count, out) : convert<Unsigned, false>(from, count, out);
}

[[noreturn]] void fail_not_int32(const std::string& path, int64_t place) {
  fail(ErrorCode::data, "the token at place " + std::to_string(place) + " of " + path +
                            " is not a 32-bit id: the file does not hold token ids");
}

}  // namespace

std::string ElementType::name() const {
  return std::string(big_endian && bytes > 1 ? "big-endian " : "") + (is_signed ? "int" : "uint") +
         std::to_string(bytes * 8);
}

MappedSegment::MappedSegment(std::string path, int64_t byte_offset, int64_t length, ElementType type)
    : path_(std::move(path)), length_(length), type_(type) {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    fail(ErrorCode::io, "cannot open " + path_ + ": " + std::strerror(error));
  }
  const int64_t bytes = length * type.bytes;
  if (status.st_size - byte_offset < bytes) {
    ::close(fd);
    fail(ErrorCode::data, path_ + " is cut short: its tokens need " + std::to_string(byte_offset + bytes) +
                              " bytes, the file has " + std::to_string(status.st_size) + "; write it again");
  }
  const int64_t slack = byte_offset % ::sysconf(_SC_PAGESIZE);
  mapped_bytes_ = static_cast<size_t>(bytes + slack);
  void* base = ::mmap(nullptr, mapped_bytes_, PROT_READ, MAP_SHARED, fd, byte_offset - slack);
  const int error = errno;
  ::close(fd);
  if (base == MAP_FAILED) fail(ErrorCode::io, "cannot map " + path_ + " into memory: " + std::strerror(error));
  base_ = static_cast<char*>(base);
  data_ = base_ + slack;
}

MappedSegment::~MappedSegment() { ::munmap(base_, mapped_bytes_); }

void MappedSegment::expect(Reading how) const {
  // Reading around a fault helps while the whole file will end up in memory, and is waste when it cannot.
  const int advice = how == Reading::sequential ? MADV_SEQUENTIAL
                     : how == Reading::anywhere ? MADV_NORMAL
                                                : MADV_RANDOM;
  ::madvise(base_, mapped_bytes_, advice);
}

const int32_t* MappedSegment::direct() const {
  const bool native = type_ == ElementType{4, true, std::endian::native == std::endian::big};
  const bool aligned = reinterpret_cast<uintptr_t>(data_) % alignof(int32_t) == 0;
  return native && aligned ? reinterpret_cast<const int32_t*>(data_) : nullptr;
}

void MappedSegment::read(int64_t offset, int64_t count, int32_t* out) const {
  const char* from = data_ + offset * type_.bytes;
  int64_t wrong = -1;
  switch (type_.bytes) {
    case 1:
      wrong = convert_width<int8_t, uint8_t>(from, count, out, type_);
      break;
    case 2:
      wrong = convert_width<int16_t, uint16_t>(from, count, out, type_);
      break;
    case 4:
      wrong = convert_width<int32_t, uint32_t>(from, count, out, type_);
      break;
    default:
      wrong = convert_width<int64_t, uint64_t>(from, count, out, type_);
  }
  if (wrong >= 0) fail_not_int32(path_, offset + wrong);
}

DecodedSegment::DecodedSegment(std::string path, hdf5::Handle file, hdf5::Handle dataset, int64_t start, int64_t length,
                               int64_t block)
    : path_(std::move(path)),
      file_(std::move(file)),
      dataset_(std::move(dataset)),
      start_(start),
      length_(length),
      block_tokens_(block),
      most_blocks_(static_cast<size_t>(std::max<int64_t>(2, cache_bytes / (block * 4)))) {}

DecodedSegment::~DecodedSegment() {
  hdf5::Session session;
  dataset_.close();
  file_.close();
}

void DecodedSegment::read(int64_t offset, int64_t count, int32_t* out) const {
  while (count > 0) {
    const int64_t place = start_ + offset;  // in the dataset
    const int64_t within = place % block_tokens_;
    const int64_t now = std::min(count, block_tokens_ - within);
    const Block tokens = block(place / block_tokens_);
    std::memcpy(out, tokens->data() + within, static_cast<size_t>(now) * sizeof(int32_t));
    out += now;
    offset += now;
    count -= now;
  }
}

DecodedSegment::Block DecodedSegment::cached(int64_t number) const {
  std::lock_guard lock(mutex_);
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second.place);
  return found->second.block;
}

DecodedSegment::Block DecodedSegment::block(int64_t number) const {
  if (Block found = cached(number)) return found;
  hdf5::Session session;
  // Another thread may have decoded it while this one waited.
  if (Block found = cached(number)) return found;
  Block decoded = decode(number, session);
  std::lock_guard lock(mutex_);
  recent_.push_front(number);
  blocks_[number] = {decoded, recent_.begin()};
  if (blocks_.size() > most_blocks_) {
    blocks_.erase(recent_.back());
    recent_.pop_back();
  }
  return decoded;
}

DecodedSegment::Block DecodedSegment::decode(int64_t number, const hdf5::Session&) const {
  const int64_t first = number * block_tokens_;
  // The last block of the segment ends with it; what lies behind belongs to others or to nobody.
  const int64_t count = std::min(block_tokens_, start_ + length_ - first);
  std::vector<int64_t> wide(static_cast<size_t>(count));
  hdf5::Handle space(H5Dget_space(dataset_), H5Sclose);
  const hsize_t start = static_cast<hsize_t>(first), extent = static_cast<hsize_t>(count);
  hdf5::Handle memory(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &extent, nullptr) < 0 ||
      H5Dread(dataset_, H5T_NATIVE_INT64, memory, space, H5P_DEFAULT, wide.data()) < 0) {
    fail(ErrorCode::data, "tokens " + std::to_string(first) + " to " + std::to_string(first + count - 1) + " of " +
                              path_ + " cannot be decoded: the file is damaged; write it again");
  }
  auto narrow = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(count));
  const ElementType native{8, true, std::endian::native == std::endian::big};
  const int64_t wrong =
      convert_width<int64_t, uint64_t>(reinterpret_cast<const char*>(wide.data()), count, narrow->data(), native);
  if (wrong >= 0) fail_not_int32(path_, first + wrong);
  return narrow;
}

}  // namespace aot
