// defines: aot::ThreadPool
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace aot {

// Threads that wait for work; the calling thread is worker 0. One call at a time.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }
  // Calls body(worker) once on each worker, at the same time, and returns when all have ended. The first exception
  // is thrown again here.
  void run(const std::function<void(int worker)>& body);
  // Calls body(begin, end, worker) on contiguous shares of [0, count), one a worker: a fixed assignment.
  void split(int64_t count, const std::function<void(int64_t begin, int64_t end, int worker)>& body);

 private:
  void loop(int worker);
  void call(int worker);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* body_ = nullptr;
  uint64_t generation_ = 0;
  int pending_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

// The processors this process may use (its affinity mask, not the machine's total).
int available_cores();

}  // namespace aot
