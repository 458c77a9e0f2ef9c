// defines: aot::cpu::GradientExchange
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "dist/buckets.h"
#include "dist/communicator.h"

namespace aot::cpu {

// Sums a cpu replica's gradients over the group, bucket by bucket: on a thread of its own while a backward pass goes
// on, and on the caller's when that is over.
class GradientExchange {
 public:
  // fold(begin, end): adds up the lanes' shares of these elements into the first, whose start is data() by then.
  // `fold_all` does the same with all threads at work, after a pass.
  struct Gradients {
    std::function<void(int64_t begin, int64_t end)> fold, fold_all;
    std::function<float*()> data;
  };
  GradientExchange(Communicator& communicator, const Buckets& buckets, Gradients gradients);
  ~GradientExchange();
  GradientExchange(const GradientExchange&) = delete;
  GradientExchange& operator=(const GradientExchange&) = delete;

  // A pass in which so many lanes will report begins.
  void start(int lanes);
  // From a lane's thread: BucketProgress::final.
  void final(ParameterId first, ParameterId last);
  // The pass is over: exchanges what is left. Throws what went wrong in the group.
  void finish();
  // The pass has failed: nothing more is exchanged. The group has to be aborted then, for its other replicas wait.
  void give_up();
  // All buckets, without a pass.
  void exchange_all();

 private:
  void work();
  void exchange(int turn);

  Communicator& communicator_;
  const Buckets& buckets_;
  const Gradients gradients_;
  BucketProgress progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // In a pass: the bucket that the thread waits for or exchanges. Guarded by mutex_, as all below.
  int turn_ = 0;
  bool passing_ = false;  // the thread may go on with the next bucket
  bool busy_ = false;     // it exchanges one
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace aot::cpu
