// Any bytes as a token file are refused with an aot::Error or give tokens that can be read.
//
// HDF5's own library has mistakes that damaged files set off. The engine opens such files in a forked copy of the
// process first (data/hdf5.h), and so it does here, where the copy also ends at what AddressSanitizer notices. The
// library is the system's, without the sanitizers' checks: what is reported lies in the engine's code, or got past its
// guard. Coverage counts the engine's code only, so the seeds hold a file of each layout (test/goldens/data), and the
// mutator mends the checksums behind which HDF5 would not look further.
#include <sanitizer/common_interface_defs.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>

#include "backend/error.h"
#include "data/token_store.h"
#include "support.h"

// HDF5's checksum of its own metadata: not in its headers, but in all its builds.
extern "C" uint32_t H5_checksum_metadata(const void* data, size_t bytes, uint32_t start);
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

// An error must end the copy of the process by a signal, as it would without the sanitizer; a size out of a damaged
// file must be an allocation that fails.
extern "C" const char* __asan_default_options() {
  return "abort_on_error=1:allocator_may_return_null=1:max_allocation_size_mb=1024:quarantine_size_mb=16";
}

// Where HDF5 gives up on a file it may forget memory.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

// Files on which HDF5 never returns would take the engine's minute each.
extern "C" unsigned alarm(unsigned) noexcept {
  const itimerval two_seconds{{0, 0}, {2, 0}};
  ::setitimer(ITIMER_REAL, &two_seconds, nullptr);
  return 0;
}

namespace aot::fuzz {
namespace {

constexpr int64_t most_tokens = 1 << 17;

// With what the seeds of virtual datasets and of external links refer to.
const Folder& folder() {
  static const Folder made;
  [[maybe_unused]] static const bool filled = [] {
    for (const auto& entry : std::filesystem::directory_iterator(AOT_GOLDENS)) {
      if (entry.path().extension() == ".h5") {
        std::filesystem::copy_file(entry.path(), made.file(entry.path().filename().string()));
      }
    }
    return true;
  }();
  return made;
}

void check_store(const TokenStore& store) {
  require(store.length() > 0 && !store.dtype().empty(), "an open file holds tokens");
  const int64_t length = std::min(store.length(), most_tokens);
  std::vector<int32_t> tokens(static_cast<size_t>(length)), again(static_cast<size_t>(length));
  store.read(0, length, tokens.data());
  const int64_t middle = length / 3;
  store.read(middle, length - middle, again.data() + middle);
  store.read(0, middle, again.data());
  require(tokens == again, "reading in parts gives the same tokens");
  const int32_t* seen = store.view(middle, length - middle, again.data());
  require(std::equal(seen, seen + (length - middle), tokens.data() + middle), "a view shows the same tokens");
  if (store.length() == length) {
    require(store.max_id() == *std::max_element(tokens.begin(), tokens.end()), "the largest id is one of the tokens");
  }
}

void check(std::string_view bytes) {
  // A new file each time: HDF5 knows its open files by their place on the disk.
  std::filesystem::remove(folder().file("input.h5"));
  folder().write("input.h5", bytes);
  try {
    check_store(*TokenStore::open(folder().file("input.h5")));
  } catch (const Error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos, "an error is one line");
    require(error.code() == ErrorCode::data || error.code() == ErrorCode::io, "it is the file's fault");
  }
  require(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) <= 0, "everything of a file is closed");
}

uint64_t little_endian(const uint8_t* from, size_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, from, bytes);
  return value;
}

void write_checksum(uint8_t* data, size_t size, size_t from, size_t end) {
  if (end < from || size < 4 || end > size - 4) return;
  const uint32_t checksum = H5_checksum_metadata(data + from, end - from, 0);
  std::memcpy(data + end, &checksum, sizeof checksum);
}

// The checksums of superblocks (versions 2 and 3) and object headers (version 2).
void mend_checksums(uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view signature("\x89HDF\r\n\x1A\n", 8);
  const size_t superblock = bytes.find(signature);
  if (superblock != std::string_view::npos && size > superblock + 10 && data[superblock + 8] >= 2) {
    write_checksum(data, size, superblock, superblock + 12 + size_t{4} * data[superblock + 9]);
  }
  for (size_t at = bytes.find("OHDR"); at != std::string_view::npos; at = bytes.find("OHDR", at + 4)) {
    if (size - at < 40) break;
    const uint8_t flags = data[at + 5];
    const size_t length_at = at + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
    const size_t length_bytes = size_t{1} << (flags & 3);
    const uint64_t length = little_endian(data + length_at, length_bytes);
    if (length < size) write_checksum(data, size, at, length_at + length_bytes + static_cast<size_t>(length));
  }
}

}  // namespace
}  // namespace aot::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // What ends a copy of the process is no finding.
  ::pthread_atfork(nullptr, nullptr, [] { __sanitizer_set_death_callback(nullptr); });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  const size_t mutated = LLVMFuzzerMutate(data, size, most);
  if (seed % 4 != 0) aot::fuzz::mend_checksums(data, mutated);
  return mutated;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  aot::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
