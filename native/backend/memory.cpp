#include "backend/memory.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>

#include "backend/error.h"

namespace aot {
namespace {

constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

// The number after `key` (or the first one, when key is empty); `unlimited` when there is none.
int64_t number_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  while (!key.empty() && file >> word && word != key) {
  }
  int64_t value = 0;
  return file >> value ? value : unlimited;
}

// Room below a limit: what the group uses counts without the page cache, which the kernel gives back.
int64_t room(int64_t limit, int64_t used, int64_t cache) {
  if (limit == unlimited || used == unlimited) return unlimited;
  return std::max<int64_t>(0, limit - std::max<int64_t>(0, used - (cache == unlimited ? 0 : cache)));
}

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GB", bytes / 1e9);
  return text;
}

}  // namespace

int64_t available_memory() {
  const int64_t free_kb = number_in("/proc/meminfo", "MemAvailable:");
  const int64_t machine = free_kb == unlimited ? unlimited : free_kb * 1024;
  const std::string v2 = "/sys/fs/cgroup/", v1 = "/sys/fs/cgroup/memory/";
  return std::min({machine,
                   room(number_in(v2 + "memory.max", ""), number_in(v2 + "memory.current", ""),
                        number_in(v2 + "memory.stat", "file")),
                   room(number_in(v1 + "memory.limit_in_bytes", ""), number_in(v1 + "memory.usage_in_bytes", ""),
                        number_in(v1 + "memory.stat", "total_cache"))});
}

void require_memory(double bytes, const std::string& what) {
  const auto available = static_cast<double>(available_memory());
  if (bytes <= available) return;
  fail(ErrorCode::memory, what + " would take " + gigabytes(bytes) + " of memory and " + gigabytes(available) +
                              " are free: use smaller sizes, or a machine with more");
}

}  // namespace aot
