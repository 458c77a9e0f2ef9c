// defines: aot::Batch, aot::BatchLoader
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/token_store.h"
#include "data/window_split.h"
#include "data/windows.h"

namespace aot {

struct Batch {
  std::vector<int32_t> inputs;   // [batch_size, attn_length]
  std::vector<int32_t> targets;  // [batch_size, attn_length]
  std::vector<int64_t> windows;  // [batch_size]: the window of each row
};

// The batches of one part of a text, for ever: batch k of the run holds windows [j * batch_size, (j + 1) * batch_size)
// of the part's order, with j = k mod batches(); what is left over at the end of the order is never visited. Batches
// are assembled ahead on a thread of its own, which starts at the first next(). What next() gives depends on position()
// alone. Every method may be called from several threads at once; it may be destroyed at any time, while nobody is in a
// call.
class BatchLoader {
 public:
  // Errors: those of Windows and WindowPart.
  BatchLoader(std::shared_ptr<const TokenStore> store, WindowOptions windows, Part part, int batch_size,
              const SplitOptions& split);
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // Windows in the part.
  int64_t length() const { return part_.length(); }
  // Whole batches in one epoch.
  int64_t batches() const { return part_.length() / batch_size_; }
  int attn_length() const { return windows_.attn_length(); }
  int batch_size() const { return batch_size_; }
  // The number of the batch that next() will give.
  int64_t position() const;
  // Makes `batch` (0 or more) the next one.
  void seek(int64_t batch);
  // The next batch. Errors of reading the text come out here, and again when the same batch is asked for again.
  // AOT_CONFIG after close().
  Batch next();
  // Ends the thread and lets go of what was fetched ahead. May be called twice.
  void close();

 private:
  void work();
  Batch assemble(int64_t batch) const;

  const Windows windows_;
  const WindowPart part_;
  const int batch_size_;
  std::function<int64_t(int64_t)> order_;  // made by the thread

  mutable std::mutex mutex_;
  std::condition_variable wanted_, made_;
  std::deque<Batch> ready_;   // batches position_, position_ + 1, ...
  std::exception_ptr error_;  // of the batch after those
  int64_t position_ = 0;
  int64_t seeks_ = 0;  // so that the thread drops a batch that was overtaken by a seek
  bool closed_ = false;
  std::once_flag joined_;
  std::thread thread_;
};

}  // namespace aot
