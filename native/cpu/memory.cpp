#include "cpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <string>

#include "backend/error.h"
#include "cpu/kernels.h"

namespace aot::cpu {
namespace {
constexpr size_t huge_page = size_t{2} << 20;
}

MemoryBlock::MemoryBlock(size_t bytes, const char* purpose) : size_(bytes) {
  if (bytes == 0) bytes = 1;
  mapped_ = bytes >= huge_page ? bytes + huge_page : bytes;
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    fail(ErrorCode::memory, "no " + std::to_string(bytes >> 20) + " MB for " + purpose +
                                ": use a smaller model, window or batch, or fewer threads");
  }
  data_ = mapping_;
  if (bytes >= huge_page) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(mapping_);
    data_ = reinterpret_cast<void*>((address + huge_page - 1) / huge_page * huge_page);
#ifdef MADV_HUGEPAGE
    madvise(data_, bytes, MADV_HUGEPAGE);  // a wish: nothing depends on it
#endif
  }
}

MemoryBlock& MemoryBlock::operator=(MemoryBlock&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(data_, other.data_);
  std::swap(mapped_, other.mapped_);
  std::swap(size_, other.size_);
  return *this;
}

void MemoryBlock::release() {
  if (mapping_) munmap(mapping_, mapped_);
}

void* Scratch::get(Slot slot, int64_t bytes) {
  MemoryBlock& block = blocks_[slot];
  if (block.size() < static_cast<size_t>(bytes)) {
    block = MemoryBlock();
    block = MemoryBlock(static_cast<size_t>(bytes) + static_cast<size_t>(bytes) / 8, "a thread's buffers");
  }
  return block.data();
}

}  // namespace aot::cpu
