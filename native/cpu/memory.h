// defines: aot::cpu::MemoryBlock
#pragma once
#include <cstddef>
#include <utility>

namespace aot::cpu {

// Zeroed memory that is taken up page by page as it is touched; huge pages where the system has them.
class MemoryBlock {
 public:
  MemoryBlock() = default;
  // Throws AOT_MEMORY. `purpose` is for its message.
  MemoryBlock(size_t bytes, const char* purpose);
  ~MemoryBlock() { release(); }
  MemoryBlock(MemoryBlock&& other) noexcept { *this = std::move(other); }
  MemoryBlock& operator=(MemoryBlock&& other) noexcept;

  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  size_t size() const { return size_; }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  void release();
  void *mapping_ = nullptr, *data_ = nullptr;
  size_t mapped_ = 0, size_ = 0;
};

}  // namespace aot::cpu
