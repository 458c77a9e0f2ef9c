#include "data/batch_loader.h"

#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

// Enough to hide a slow read behind the step of a model.
constexpr size_t batches_ahead = 4;

}  // namespace

BatchLoader::BatchLoader(std::shared_ptr<const TokenStore> store, WindowOptions windows, Part part, int batch_size,
                         const SplitOptions& split)
    : windows_(std::move(store), std::move(windows)),
      part_(windows_, part, batch_size, split),
      batch_size_(batch_size) {}

BatchLoader::~BatchLoader() { close(); }

int64_t BatchLoader::position() const {
  std::lock_guard lock(mutex_);
  return position_;
}

void BatchLoader::seek(int64_t batch) {
  if (batch < 0) fail(ErrorCode::config, "batch is " + std::to_string(batch) + ": batches are numbered from 0");
  std::lock_guard lock(mutex_);
  if (batch == position_ && !error_) return;
  position_ = batch;
  ready_.clear();
  error_ = nullptr;
  ++seeks_;
  wanted_.notify_one();
}

Batch BatchLoader::next() {
  std::unique_lock lock(mutex_);
  if (!closed_ && !thread_.joinable()) thread_ = std::thread([this] { work(); });
  made_.wait(lock, [this] { return closed_ || error_ || !ready_.empty(); });
  if (closed_) fail(ErrorCode::config, "the batch loader is closed");
  if (ready_.empty()) std::rethrow_exception(error_);
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  ++position_;
  wanted_.notify_one();
  return batch;
}

void BatchLoader::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ready_.clear();
    wanted_.notify_one();
    made_.notify_all();
  }
  std::call_once(joined_, [this] {
    if (thread_.joinable()) thread_.join();
  });
}

void BatchLoader::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wanted_.wait(lock, [this] { return closed_ || (!error_ && ready_.size() < batches_ahead); });
    if (closed_) return;
    const int64_t batch = position_ + static_cast<int64_t>(ready_.size());
    const int64_t seeks = seeks_;
    Batch made;
    std::exception_ptr error;
    lock.unlock();
    try {
      if (!order_) order_ = part_.order();
      made = assemble(batch);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (seeks != seeks_ || closed_) continue;
    if (error) {
      error_ = error;
    } else {
      ready_.push_back(std::move(made));
    }
    made_.notify_all();
  }
}

Batch BatchLoader::assemble(int64_t batch) const {
  const size_t rows = static_cast<size_t>(batch_size_);
  const size_t columns = static_cast<size_t>(windows_.attn_length());
  Batch made{std::vector<int32_t>(rows * columns), std::vector<int32_t>(rows * columns), std::vector<int64_t>(rows)};
  const int64_t first = batch % batches() * batch_size_;
  for (size_t row = 0; row < rows; ++row) {
    made.windows[row] = order_(first + static_cast<int64_t>(row));
    windows_.get(made.windows[row], &made.inputs[row * columns], &made.targets[row * columns]);
  }
  return made;
}

}  // namespace aot
