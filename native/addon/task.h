// defines: aot::addon::Task
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "addon/addon.h"

namespace aot::addon {

// One call on an engine: done on a thread of the pool, or by whoever has to wait for it, in two parts: issue() may
// return while a device still works, wait() returns when the result is there.
class Task {
 public:
  // issue: does the work, or issues it and gives what waits for it. ahead: whether it may be issued while earlier calls
  // still have to be waited for.
  using Wait = std::function<void()>;
  Task(Napi::Env env, bool ahead, std::function<Wait()> issue, std::function<Napi::Value(Napi::Env)> to_js)
      : ahead_(ahead), deferred_(env), issue_(std::move(issue)), to_js_(std::move(to_js)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }
  bool ahead() const { return ahead_; }

  // Each does its part the first time it is called; a second caller waits until it is done.
  void issue() {
    std::lock_guard lock(mutex_);
    if (issue_) guarded([&] { wait_ = std::exchange(issue_, nullptr)(); });
  }
  void wait() {
    std::lock_guard lock(mutex_);
    if (wait_) guarded(std::exchange(wait_, nullptr));
  }

  void settle(Napi::Env env) {
    try {
      if (code_) {
        deferred_.Reject(make_error(env, code_, message_).Value());
      } else {
        deferred_.Resolve(to_js_(env));
      }
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    } catch (const std::exception& error) {
      deferred_.Reject(make_error(env, "AOT_INTERNAL", error.what()).Value());
    }
  }

 private:
  void guarded(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      set_error(error_code_name(error.code()), error.what());
    } catch (const std::bad_alloc&) {
      set_error("AOT_MEMORY", "not enough memory for this: use smaller sizes, or a machine with more");
    } catch (const std::exception& error) {
      set_error("AOT_INTERNAL", error.what());
    }
  }

  void set_error(const char* code, const char* message) {
    code_ = code;
    message_ = message;
  }

  const bool ahead_;
  Napi::Promise::Deferred deferred_;
  std::function<Wait()> issue_;
  Wait wait_;
  std::function<Napi::Value(Napi::Env)> to_js_;
  std::mutex mutex_;
  const char* code_ = nullptr;
  std::string message_;
};

}  // namespace aot::addon
