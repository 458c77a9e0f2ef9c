// defines: aot::SafetensorsWriter, aot::SafetensorsReader
//
// The safetensors format: 8 bytes with the header's length (little-endian), the header (a JSON object: name -> dtype,
// shape, data_offsets; and `__metadata__`, strings), the tensors one after the other without holes.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace aot {

using Metadata = std::map<std::string, std::string>;

struct StoredTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype = "F32";       // as in the header
  uint64_t offset = 0, bytes = 0;  // from the start of the data
};

// Writes fp32 tensors. The file appears whole at commit() or not at all. Errors are AOT_IO.
class SafetensorsWriter {
 public:
  // Names and shapes of all tensors, in the order in which write() will give them.
  SafetensorsWriter(const std::string& path, const std::vector<StoredTensor>& tensors, const Metadata& metadata);
  // The next values, any number at a time.
  void write(std::span<const float> values);
  // Fails with AOT_INTERNAL unless exactly the promised values were written.
  void commit();

 private:
  AtomicFile file_;
  int64_t expected_ = 0;  // bytes of the whole file
};

// Reads a file by any writer. Whatever is wrong with the content is AOT_DATA and names the file and the tensor; a file
// that cannot be opened or read is AOT_IO.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(std::string path);
  ~SafetensorsReader();
  SafetensorsReader(const SafetensorsReader&) = delete;
  SafetensorsReader& operator=(const SafetensorsReader&) = delete;

  const std::string& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  // The values of a tensor in fp32 (from F32, F16 or BF16), after a check of its presence, shape and dtype.
  std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const;

 private:
  void read_bytes(uint64_t offset, void* to, size_t bytes) const;
  void parse_header(const std::string& text);
  [[noreturn]] void fail_data(const std::string& what) const;

  std::string path_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0, data_start_ = 0;
  Metadata metadata_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace aot
