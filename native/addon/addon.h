// defines: aot::addon — what every wrapped class of the addon uses: argument checks, error translation, promises
#pragma once
#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "backend/error.h"

namespace aot::addon {

// Each file of native/addon exports its classes and functions by one of these; addon.cpp lists them.
void export_engine(Napi::Env env, Napi::Object exports);
void export_file_lock(Napi::Env env, Napi::Object exports);
void export_memory(Napi::Env env, Napi::Object exports);
void export_token_shards(Napi::Env env, Napi::Object exports);
void export_token_store(Napi::Env env, Napi::Object exports);
void export_tokenizer(Napi::Env env, Napi::Object exports);
void export_tokenize_folder(Napi::Env env, Napi::Object exports);
void export_tokenize_units(Napi::Env env, Napi::Object exports);
void export_ops(Napi::Env env, Napi::Object exports);
void export_world(Napi::Env env, Napi::Object exports);

// The AotError that ts/native.ts registered for this environment, made from a code and a message.
Napi::Error make_error(Napi::Env env, const char* code, const std::string& message);

// Runs body and turns every C++ exception into a JS AotError. For synchronous calls.
template <class Body>
auto guard(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    throw make_error(env, error_code_name(error.code()), error.what());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw make_error(env, "AOT_MEMORY", "not enough memory for this: use smaller sizes, or a machine with more");
  } catch (const std::exception& error) {
    throw make_error(env, "AOT_INTERNAL", error.what());
  }
}

// Runs work() on a thread of libuv's pool and settles a promise with to_js(env, result) on the event loop. `keep`
// holds JS values (buffers that work() reads, the wrapped object) alive until then.
template <class Work, class ToJs>
Napi::Promise run_async(Napi::Env env, Work work, ToJs to_js, const std::vector<Napi::Object>& keep = {}) {
  using Result = decltype(work());
  class Worker : public Napi::AsyncWorker {
   public:
    Worker(Napi::Env env, Work work, ToJs to_js)
        : Napi::AsyncWorker(env, "aot"), deferred(env), work_(std::move(work)), to_js_(std::move(to_js)) {}
    void Execute() override {
      try {
        result_ = std::make_unique<Result>(work_());
      } catch (const Error& error) {
        fail(error_code_name(error.code()), error.what());
      } catch (const std::bad_alloc&) {
        fail("AOT_MEMORY", "not enough memory for this: use smaller sizes, or a machine with more");
      } catch (const std::exception& error) {
        fail("AOT_INTERNAL", error.what());
      }
    }
    void OnOK() override {
      Napi::HandleScope scope(Env());
      try {
        if (code_) {
          deferred.Reject(make_error(Env(), code_, message_).Value());
        } else {
          deferred.Resolve(to_js_(Env(), *result_));
        }
      } catch (const Napi::Error& error) {
        deferred.Reject(error.Value());
      } catch (const std::exception& error) {
        deferred.Reject(make_error(Env(), "AOT_INTERNAL", error.what()).Value());
      }
    }
    Napi::Promise::Deferred deferred;
    std::vector<Napi::ObjectReference> kept;

   private:
    void fail(const char* code, const char* message) {
      code_ = code;
      message_ = message;
    }
    Work work_;
    ToJs to_js_;
    std::unique_ptr<Result> result_;
    const char* code_ = nullptr;
    std::string message_;
  };
  auto* worker = new Worker(env, std::move(work), std::move(to_js));
  for (const Napi::Object& object : keep) worker->kept.push_back(Napi::Persistent(object));
  Napi::Promise promise = worker->deferred.Promise();
  worker->Queue();
  return promise;
}

// Argument checks: each throws an AOT_CONFIG error that names the argument.
int64_t integer_argument(const Napi::Value& value, const char* name, int64_t least, int64_t most);
double number_argument(const Napi::Value& value, const char* name);
std::string string_argument(const Napi::Value& value, const char* name);
Napi::Object object_argument(const Napi::Value& value, const char* name);
Napi::Int32Array int32_argument(const Napi::Value& value, const char* name);
Napi::Float32Array float32_argument(const Napi::Value& value, const char* name);
bool boolean_argument(const Napi::Value& value, const char* name);
// The value of object[name], or undefined when it is absent or null.
Napi::Value optional_value(const Napi::Object& object, const char* name);
inline bool is_given(const Napi::Value& value) { return !value.IsUndefined() && !value.IsNull(); }

}  // namespace aot::addon
