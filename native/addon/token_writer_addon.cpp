// TokenWriter, as ts/native.ts types it.
#include <memory>
#include <string>

#include "addon/addon.h"
#include "addon/token_store_addon.h"
#include "data/token_writer.h"

namespace aot::addon {
namespace {

class TokenWriterWrap : public Napi::ObjectWrap<TokenWriterWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "TokenWriter",
        {InstanceAccessor<&TokenWriterWrap::length>("length"), InstanceMethod("append", &TokenWriterWrap::append),
         InstanceMethod("commit", &TokenWriterWrap::commit), InstanceMethod("close", &TokenWriterWrap::close)});
  }

  explicit TokenWriterWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TokenWriterWrap>(info) {
    guard(info.Env(), [&] {
      const std::string path = string_argument(info[0], "path");
      const std::string dtype = string_argument(info[1], "dtype");
      if (dtype != "int32" && dtype != "uint16") {
        fail(ErrorCode::config, "dtype must be 'int32' or 'uint16', not '" + dtype + "'");
      }
      writer_ = std::make_shared<TokenWriter>(path, dtype == "int32" ? TokenDType::int32 : TokenDType::uint16);
    });
  }

 private:
  TokenWriter& writer() const {
    if (!writer_) fail(ErrorCode::config, "the token writer is closed");
    return *writer_;
  }
  Napi::Value length(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), static_cast<double>(writer().length())); });
  }
  Napi::Value append(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const Napi::Int32Array ids = int32_argument(info[0], "ids");
      writer().append(ids.Data(), ids.ElementLength());
      return info.Env().Undefined();
    });
  }
  // The writer leaves this object at once, so that nothing can be appended while the file is completed.
  Napi::Value commit(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      writer();
      return run_async(
          info.Env(),
          [writer = std::move(writer_)]() mutable {
            const std::shared_ptr<TokenWriter> last =
                std::move(writer);  // a failed one is gone before the promise settles
            last->commit();
            return last->length();
          },
          [](Napi::Env env, int64_t length) -> Napi::Value {
            return Napi::Number::New(env, static_cast<double>(length));
          });
    });
  }
  Napi::Value close(const Napi::CallbackInfo& info) {
    writer_.reset();
    return info.Env().Undefined();
  }

  std::shared_ptr<TokenWriter> writer_;
};

}  // namespace

void export_token_writer(Napi::Env env, Napi::Object exports) {
  exports.Set("TokenWriter", TokenWriterWrap::define(env));
}

}  // namespace aot::addon
