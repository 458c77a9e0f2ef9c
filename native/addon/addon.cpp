// The export table of the addon, and what its files share.
#include "addon/addon.h"

#include <cmath>

#include "backend/thread_pool.h"

namespace aot::addon {
namespace {

// Per environment (main thread, each worker thread): the AotError class of ts/errors.ts.
struct Instance {
  Napi::FunctionReference error_class;
};

[[noreturn]] void bad_argument(Napi::Env env, const char* name, const std::string& wanted) {
  throw make_error(env, "AOT_CONFIG", std::string(name) + " must be " + wanted);
}

Napi::Value set_error_class(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<Instance>()->error_class = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Value cores(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), available_cores()); }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Instance());
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class, "setErrorClass"));
  exports.Set("availableCores", Napi::Function::New(env, cores, "availableCores"));
  export_engine(env, exports);
  export_file_lock(env, exports);
  export_memory(env, exports);
  export_token_shards(env, exports);
  export_token_store(env, exports);
  export_tokenizer(env, exports);
  export_tokenize_folder(env, exports);
  export_tokenize_units(env, exports);
  export_ops(env, exports);
  export_world(env, exports);
  return exports;
}

}  // namespace

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  Instance* instance = env.GetInstanceData<Instance>();
  if (instance && !instance->error_class.IsEmpty()) {
    Napi::Object error = instance->error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)});
    return Napi::Error(env, error);
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

int64_t integer_argument(const Napi::Value& value, const char* name, int64_t least, int64_t most) {
  const std::string wanted = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value.IsNumber()) bad_argument(value.Env(), name, wanted);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) || number != std::floor(number)) {
    bad_argument(value.Env(), name, wanted);
  }
  return static_cast<int64_t>(number);
}

double number_argument(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) bad_argument(value.Env(), name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::string string_argument(const Napi::Value& value, const char* name) {
  if (!value.IsString()) bad_argument(value.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object object_argument(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) bad_argument(value.Env(), name, "an object");
  return value.As<Napi::Object>();
}

Napi::Int32Array int32_argument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    bad_argument(value.Env(), name, "an Int32Array");
  }
  return value.As<Napi::Int32Array>();
}

Napi::Float32Array float32_argument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    bad_argument(value.Env(), name, "a Float32Array");
  }
  return value.As<Napi::Float32Array>();
}

bool boolean_argument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) bad_argument(value.Env(), name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

Napi::Value optional_value(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  return value.IsNull() ? object.Env().Undefined() : value;
}

NODE_API_MODULE(aot, init)

}  // namespace aot::addon
