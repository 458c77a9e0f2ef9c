// defines: aot::addon::Lane
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "addon/task.h"
#include "dist/own_thread.h"

namespace aot::addon {

// Does tasks one after another on a thread of its own, which a process that ends does not wait for: they may wait for
// other processes. Lives to the end of the process.
class Lane {
 public:
  Lane() {
    own_thread([this] { loop(); });
  }

  template <class Work, class ToJs>
  Napi::Promise run(Napi::Env env, Work work, ToJs to_js) {
    using Result = decltype(work());
    const auto result = std::make_shared<std::unique_ptr<Result>>();
    const auto issue = [work, result]() -> Task::Wait {
      *result = std::make_unique<Result>(work());
      return nullptr;
    };
    const auto give = [to_js, result](Napi::Env settled) { return to_js(settled, **result); };
    auto task = std::make_unique<Task>(env, false, issue, give);
    const Napi::Promise promise = task->promise();
    const auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(task), Napi::ThreadSafeFunction::New(env, nothing, "aot", 0, 1)});
    added_.notify_one();
    return promise;
  }

 private:
  struct Call {
    std::unique_ptr<Task> task;
    Napi::ThreadSafeFunction settle;
  };

  void loop() {
    while (true) {
      std::unique_lock lock(mutex_);
      added_.wait(lock, [&] { return !waiting_.empty(); });
      Call call = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      call.task->issue();
      // What the task holds is JavaScript's: it goes where that is. Where that has ended, it is left as it is.
      call.settle.BlockingCall(call.task.release(), [](Napi::Env env, Napi::Function, Task* task) {
        if (env == nullptr) return;
        const std::unique_ptr<Task> done(task);
        done->settle(env);
      });
      call.settle.Release();
    }
  }

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<Call> waiting_;
};

}  // namespace aot::addon
