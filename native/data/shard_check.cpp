#include "data/shard_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "backend/error.h"
#include "backend/thread_pool.h"
#include "data/shard_stamps.h"
#include "io/digest.h"

namespace aot {
namespace {

constexpr int64_t block_bytes = int64_t{1} << 20;
// A file that is written to again so soon may keep its times: clocks of file systems tick slowly, some every two
// seconds.
constexpr int64_t clock_tick_ns = 2'000'000'000;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string wrong_size(int64_t found, int64_t wanted) {
  return std::string(found < wanted ? "cut short: " : "too long: ") + std::to_string(found) + " bytes where " +
         std::to_string(wanted) + " were written";
}

// Of the bytes [begin, end) of a file, which are given to take(); of fewer when it ends before.
std::string digest_of_stretch(const InputFile& file, int64_t begin, int64_t end, const WorkControl& control,
                              const std::function<void(const char* bytes, size_t count)>& take) {
  Digest digest;
  std::vector<char> block(static_cast<size_t>(std::min(block_bytes, end - begin)));
  for (int64_t at = begin; at < end;) {
    control.check_stop();
    const size_t wanted = std::min(block.size(), static_cast<size_t>(end - at));
    const size_t count = file.read(block.data(), wanted, at);
    digest.add(block.data(), count);
    take(block.data(), count);
    control.add_bytes(static_cast<int64_t>(count));
    if (count < wanted) break;
    at += static_cast<int64_t>(count);
  }
  return digest.hex();
}

std::string fault_of(const std::string& file, const Shard& shard, const ShardList& list, const WorkControl& control) {
  try {
    return read_shard(file, shard, list, control, [](const char*, size_t) {});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io) throw;
    return std::string("unreadable: ") + error.what();
  }
}

// Checks the shards of these numbers; notes the stamps of those that are right.
void check(const std::string& path, const ShardList& list, const std::vector<size_t>& numbers, int threads,
           const WorkControl& control, ShardStamps& stamps, std::vector<std::string>& faults) {
  std::mutex mutex;
  for_each_index(numbers.size(), threads, [&](size_t i) {
    const size_t number = numbers[i];
    const std::string file = shard_path(path, list.shards[number]);
    const int64_t start = now_ns();
    const auto before = stamp_of(file);
    std::string fault = fault_of(file, list.shards[number], list, control);
    const auto after = stamp_of(file);
    const bool settled = before && before == after && before->changed_ns + clock_tick_ns < start;
    std::lock_guard lock(mutex);
    stamps.set(number, fault.empty() && settled ? before : std::nullopt);
    faults[number] = std::move(fault);
  });
  stamps.save();
}

}  // namespace

std::string read_shard(const std::string& path, const Shard& shard, const ShardList& list, const WorkControl& control,
                       const std::function<void(const char* bytes, size_t count)>& take) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? "missing" : std::string("unreadable: ") + std::strerror(errno);
  }
  if (!S_ISREG(status.st_mode)) return "not a plain file";
  if (status.st_size != shard.bytes) return wrong_size(status.st_size, shard.bytes);
  const InputFile file(path);
  const int64_t data_offset = list.data_offset(shard);
  if (digest_of_stretch(file, 0, data_offset, control, [](const char*, size_t) {}) != shard.header) {
    return "damaged: the bytes before its tokens are not those that were written";
  }
  if (digest_of_stretch(file, data_offset, shard.bytes, control, take) != shard.data) {
    return "damaged: its tokens are not those that were written";
  }
  return "";
}

bool has_digest(const InputFile& file, int64_t begin, int64_t end, const std::string& digest,
                const WorkControl& control) {
  return digest_of_stretch(file, begin, end, control, [](const char*, size_t) {}) == digest;
}

void for_each_index(size_t count, int threads, const std::function<void(size_t index)>& work) {
  std::atomic<size_t> next = 0;
  ThreadPool(static_cast<int>(std::clamp<size_t>(count, 1, static_cast<size_t>(threads)))).run([&](int) {
    try {
      for (size_t index; (index = next++) < count;) work(index);
    } catch (...) {
      next = count;
      throw;
    }
  });
}

std::vector<std::string> check_shards(const std::string& path, const ShardList& list, int threads,
                                      const WorkControl& control) {
  std::vector<std::string> faults(list.shards.size());
  std::vector<size_t> all(list.shards.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  ShardStamps stamps(path, list);
  check(path, list, all, threads, control, stamps, faults);
  return faults;
}

void require_shards(const std::string& path, const ShardList& list) {
  ShardStamps stamps(path, list);
  std::vector<std::string> faults(list.shards.size());
  std::vector<size_t> unknown;
  for (size_t i = 0; i < list.shards.size(); ++i) {
    const auto stamp = stamp_of(shard_path(path, list.shards[i]));
    if (!stamp || stamp->size != list.shards[i].bytes || !stamps.hold(i, *stamp)) unknown.push_back(i);
  }
  if (unknown.empty()) return;
  check(path, list, unknown, available_cores(), WorkControl(), stamps, faults);
  const auto wrong = [](const std::string& fault) { return !fault.empty(); };
  const auto first = std::find_if(faults.begin(), faults.end(), wrong);
  if (first == faults.end()) return;
  const auto others = std::count_if(first + 1, faults.end(), wrong);
  const Shard& shard = list.shards[static_cast<size_t>(first - faults.begin())];
  fail(ErrorCode::data,
       "the shard " + shard_path(path, shard) + " of " + path + " is " + *first +
           (others ? " (and " + std::to_string(others) + " more are wrong)" : "") +
           "; run aot-tokenize again to make it anew, or aot-tokenize verify to see all that is wrong");
}

}  // namespace aot
