// Exports FileLock: new FileLock(path) takes the lock or throws, release() gives it back.
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
    guard(info.Env(), [&] { lock_ = std::make_unique<FileLock>(path); });
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
