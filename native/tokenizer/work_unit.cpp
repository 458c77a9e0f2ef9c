#include "tokenizer/work_unit.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>

#include "backend/error.h"
#include "backend/thread_pool.h"
#include "io/digest.h"
#include "io/input_file.h"

namespace aot {

std::string UnitFolder::file(int number, const std::string& suffix) const {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%05d", number);
  return path + "/" + digits + "." + suffix;
}

void for_each_unit(const std::vector<WorkUnit>& units, int threads,
                   const std::function<void(int worker, const WorkUnit& unit)>& work) {
  std::atomic<size_t> next = 0;
  ThreadPool(std::min<int>(threads, static_cast<int>(std::max<size_t>(1, units.size())))).run([&](int worker) {
    try {
      for (size_t unit; (unit = next++) < units.size();) work(worker, units[unit]);
    } catch (...) {
      next = units.size();
      throw;
    }
  });
}

std::vector<std::string> digest_units(const std::vector<WorkUnit>& units, int threads, const WorkControl& control) {
  constexpr size_t block_bytes = 1 << 20;
  std::vector<std::string> digests(units.size());
  for_each_unit(units, threads, [&](int, const WorkUnit& unit) {
    Digest digest;
    std::vector<uint8_t> block(block_bytes);
    for (const TextStretch& stretch : unit.stretches) {
      const InputFile file(stretch.path);
      for (int64_t at = stretch.begin; at < stretch.end;) {
        control.check_stop();
        const size_t wanted = static_cast<size_t>(std::min<int64_t>(block_bytes, stretch.end - at));
        const size_t count = file.read(block.data(), wanted, at);
        digest.add(block.data(), count);
        control.add_bytes(static_cast<int64_t>(count));
        if (count < wanted) break;  // a shorter file has another digest
        at += static_cast<int64_t>(count);
      }
    }
    digests[static_cast<size_t>(&unit - units.data())] = digest.hex();
  });
  return digests;
}

}  // namespace aot
