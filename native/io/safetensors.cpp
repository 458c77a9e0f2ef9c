#include "io/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/dtype.h"
#include "backend/error.h"

namespace aot {
namespace {

using Json = nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

constexpr uint64_t largest_header = 100'000'000;  // as in the format's own library

std::string quote(const std::string& name) { return Json(name).dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string text(const std::vector<int64_t>& shape) { return Json(shape).dump(); }

// Bytes of an element; 0 for a dtype that the format does not have.
uint64_t element_bytes(const std::string& dtype) {
  static const std::map<std::string, uint64_t> bytes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2}, {"I16", 2}, {"F16", 2},
      {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},     {"U64", 8},     {"I64", 8}, {"F64", 8}};
  const auto at = bytes.find(dtype);
  return at == bytes.end() ? 0 : at->second;
}

float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float value = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal
  return sign ? -value : value;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<StoredTensor>& tensors,
                                     const Metadata& metadata)
    : file_(path) {
  Json header = Json::object();
  header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const StoredTensor& tensor : tensors) {
    uint64_t bytes = sizeof(float);
    for (int64_t size : tensor.shape) bytes *= static_cast<uint64_t>(size);
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
  const uint64_t length = text.size();
  file_.write(&length, sizeof(length));
  file_.write(text);
  expected_ = static_cast<int64_t>(sizeof(length) + length + offset);
}

void SafetensorsWriter::write(std::span<const float> values) { file_.write(values.data(), values.size_bytes()); }

void SafetensorsWriter::commit() {
  if (file_.written() != expected_) fail(ErrorCode::internal, "a safetensors file of the wrong size: report this");
  file_.commit();
}

SafetensorsReader::SafetensorsReader(std::string path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) fail(ErrorCode::io, "cannot open " + path_ + ": " + std::strerror(errno));
  try {
    struct stat status;
    if (::fstat(fd_, &status) != 0) fail(ErrorCode::io, "cannot read " + path_ + ": " + std::strerror(errno));
    if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, "cannot read " + path_ + ": it is not a file");
    file_bytes_ = static_cast<uint64_t>(status.st_size);
    uint64_t length = 0;
    if (file_bytes_ < sizeof(length)) fail_data("it is too short to be a safetensors file");
    read_bytes(0, &length, sizeof(length));
    if (length > largest_header) fail_data("it is not a safetensors file (its header would be too long)");
    if (length > file_bytes_ - sizeof(length)) fail_data("the file ends inside its header: it was cut short");
    std::string header(length, ' ');
    read_bytes(sizeof(length), header.data(), length);
    data_start_ = sizeof(length) + length;
    parse_header(header);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

SafetensorsReader::~SafetensorsReader() { ::close(fd_); }

void SafetensorsReader::fail_data(const std::string& what) const { fail(ErrorCode::data, path_ + ": " + what); }

void SafetensorsReader::read_bytes(uint64_t offset, void* to, size_t bytes) const {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t count = ::pread(fd_, at, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(ErrorCode::io, "cannot read " + path_ + ": " + std::strerror(errno));
    if (count == 0) fail_data("the file became shorter while it was read");
    at += count;
    offset += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

void SafetensorsReader::parse_header(const std::string& header_text) {
  const Json header = Json::parse(header_text, nullptr, false);
  if (!header.is_object()) fail_data("its header is not a JSON object: the file is damaged");
  std::vector<const StoredTensor*> in_order;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) fail_data("its __metadata__ is not an object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) fail_data("its __metadata__ has a value that is not a string: " + quote(key));
        metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    StoredTensor tensor;
    tensor.name = name;
    const auto is_size = [](const Json& value) {
      return value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{1} << 60;
    };
    const bool well_formed =
        entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string() && entry.contains("shape") &&
        entry["shape"].is_array() && std::all_of(entry["shape"].begin(), entry["shape"].end(), is_size) &&
        entry.contains("data_offsets") && entry["data_offsets"].is_array() && entry["data_offsets"].size() == 2 &&
        std::all_of(entry["data_offsets"].begin(), entry["data_offsets"].end(), is_size);
    if (!well_formed) fail_data("the header's entry of tensor " + quote(name) + " is not well-formed");
    tensor.dtype = entry["dtype"].get<std::string>();
    tensor.shape = entry["shape"].get<std::vector<int64_t>>();
    const uint64_t begin = entry["data_offsets"][0].get<uint64_t>(), end = entry["data_offsets"][1].get<uint64_t>();
    if (begin > end || end > file_bytes_ - data_start_) {
      fail_data("tensor " + quote(name) + " lies outside of the file: it was cut short, or its header is damaged");
    }
    tensor.offset = begin;
    tensor.bytes = end - begin;
    uint64_t bytes = element_bytes(tensor.dtype);
    if (bytes == 0) fail_data("tensor " + quote(name) + " has the unknown dtype " + quote(tensor.dtype));
    for (int64_t size : tensor.shape) {
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) bytes = UINT64_MAX;
    }
    if (bytes != tensor.bytes) {
      fail_data("tensor " + quote(name) + " has " + std::to_string(tensor.bytes) + " bytes, which is not what shape " +
                text(tensor.shape) + " of " + tensor.dtype + " takes");
    }
    in_order.push_back(&(tensors_[name] = std::move(tensor)));
  }
  std::sort(in_order.begin(), in_order.end(), [](const StoredTensor* a, const StoredTensor* b) {
    return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes);
  });
  uint64_t end = 0;
  for (const StoredTensor* tensor : in_order) {
    if (tensor->offset != end) {
      fail_data("tensor " + quote(tensor->name) +
                " does not start where the one before it ends: the header is damaged");
    }
    end = tensor->offset + tensor->bytes;
  }
  if (end != file_bytes_ - data_start_) {
    fail_data("the file has " + std::to_string(file_bytes_ - data_start_ - end) + " bytes past its last tensor");
  }
}

std::vector<float> SafetensorsReader::read(const std::string& name, const std::vector<int64_t>& shape) const {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) fail_data("tensor " + quote(name) + " is missing");
  const StoredTensor& tensor = at->second;
  if (tensor.shape != shape) {
    fail_data("tensor " + quote(name) + " has shape " + text(tensor.shape) + " where the model needs " + text(shape));
  }
  const uint64_t element = element_bytes(tensor.dtype);
  std::vector<float> values(tensor.bytes / element);
  if (tensor.dtype == "F32") {
    read_bytes(data_start_ + tensor.offset, values.data(), tensor.bytes);
  } else if (tensor.dtype == "F16" || tensor.dtype == "BF16") {
    std::vector<uint16_t> halves(values.size());
    read_bytes(data_start_ + tensor.offset, halves.data(), tensor.bytes);
    std::transform(halves.begin(), halves.end(), values.begin(), tensor.dtype == "F16" ? from_half : from_bf16);
  } else {
    fail_data("tensor " + quote(name) + " is " + tensor.dtype + ": F32, F16 or BF16 is needed");
  }
  return values;
}

}  // namespace aot
