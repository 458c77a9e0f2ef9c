#include "tokenizer/chunk_pipeline.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "backend/thread_pool.h"

namespace aot {
namespace {

// Gives results to `write` in the order of their numbers. Whoever brings the next one writes it and all that waited.
class OrderedWriter {
 public:
  OrderedWriter(size_t most_waiting, const std::function<void(const std::vector<int32_t>&)>& write)
      : most_waiting_(most_waiting), write_(write) {}

  // Waits until number `number` is not too far ahead of what is written. False when the work has failed.
  bool wait_for_room(uint64_t number) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return failed_ || number < written_ + most_waiting_; });
    return !failed_;
  }

  void put(uint64_t number, std::vector<int32_t>&& ids) {
    std::unique_lock lock(mutex_);
    waiting_.emplace(number, std::move(ids));
    if (writing_) return;
    writing_ = true;
    while (!failed_ && !waiting_.empty() && waiting_.begin()->first == written_) {
      const auto next = waiting_.extract(waiting_.begin());
      lock.unlock();
      write_(next.mapped());
      lock.lock();
      written_++;
      room_.notify_all();
    }
    writing_ = false;
  }

  void fail() {
    std::lock_guard lock(mutex_);
    failed_ = true;
    room_.notify_all();
  }

 private:
  const size_t most_waiting_;
  const std::function<void(const std::vector<int32_t>&)>& write_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::map<uint64_t, std::vector<int32_t>> waiting_;
  uint64_t written_ = 0;
  bool writing_ = false, failed_ = false;
};

}  // namespace

void for_each_chunk(TextReader& reader, int threads,
                    const std::function<void(int worker, std::string_view chunk)>& work) {
  std::mutex reading;
  std::atomic<bool> failed = false;
  ThreadPool(threads).run([&](int worker) {
    std::string chunk;
    try {
      for (;;) {
        {
          std::lock_guard lock(reading);
          if (failed || !reader.next(chunk)) return;
        }
        work(worker, chunk);
      }
    } catch (...) {
      failed = true;
      throw;
    }
  });
}

void encode_in_order(TextReader& reader, int threads,
                     const std::function<void(int worker, const std::string& file, std::string_view chunk,
                                              std::vector<int32_t>& ids)>& encode,
                     const std::function<void(const std::vector<int32_t>& ids)>& write) {
  std::mutex reading;
  uint64_t chunks = 0;
  OrderedWriter writer(static_cast<size_t>(threads) * 4, write);
  ThreadPool(threads).run([&](int worker) {
    std::string chunk;
    try {
      for (;;) {
        uint64_t number;
        const std::string* file;
        {
          std::lock_guard lock(reading);
          if (!writer.wait_for_room(chunks) || !reader.next(chunk)) return;
          number = chunks++;
          file = &reader.file();
        }
        std::vector<int32_t> ids;
        ids.reserve(chunk.size() / 4 + 16);
        encode(worker, *file, chunk, ids);
        writer.put(number, std::move(ids));
      }
    } catch (...) {
      writer.fail();
      throw;
    }
  });
}

}  // namespace aot
