// Exports FileLock: new FileLock(path, { shared, busy }) takes the lock or throws, release() gives it back.
#include "addon/addon.h"
#include "io/file_lock.h"

namespace aot::addon {
namespace {

class FileLockWrap : public Napi::ObjectWrap<FileLockWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileLock", {InstanceMethod<&FileLockWrap::release>("release")});
  }

  explicit FileLockWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FileLockWrap>(info) {
    const std::string path = guard(info.Env(), [&] { return string_argument(info[0], "path"); });
    guard(info.Env(), [&] {
      const Napi::Object options = object_argument(info[1], "options");
      const Napi::Value shared = optional_value(options, "shared");
      lock_ = std::make_unique<FileLock>(path, is_given(shared) && boolean_argument(shared, "shared"),
                                         string_argument(options.Get("busy"), "busy"));
    });
  }

 private:
  Napi::Value release(const Napi::CallbackInfo& info) {
    if (lock_) lock_->release();
    return info.Env().Undefined();
  }

  std::unique_ptr<FileLock> lock_;
};

}  // namespace

void export_file_lock(Napi::Env env, Napi::Object exports) { exports.Set("FileLock", FileLockWrap::define(env)); }

}  // namespace aot::addon
