#include "addon/engine_options.h"

#include <string>

#include "addon/addon.h"

namespace aot::addon {
namespace {

constexpr double largest_safe_integer = 9007199254740991;

ModelParams model_params_argument(const Napi::Value& value) {
  const Napi::Object object = object_argument(value, "modelParams");
  const Napi::Array names = object.GetPropertyNames();
  ModelParams params;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Napi::Value param = object.Get(names.Get(i));
    if (param.IsUndefined()) continue;
    if (param.IsNull()) {
      params[name] = std::nullopt;
    } else {
      params[name] = number_argument(param, ("modelParams." + name).c_str());
    }
  }
  return params;
}

int threads_argument(const Napi::Value& value) {
  return is_given(value) ? static_cast<int>(integer_argument(value, "threads", 0, 1024)) : 0;
}

}  // namespace

uint64_t seed_argument(const Napi::Value& value) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const uint64_t seed = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (lossless) return seed;
    fail(ErrorCode::config, "seed must be a whole number from 0 to 2^64 - 1");
  }
  return static_cast<uint64_t>(integer_argument(value, "seed", 0, static_cast<int64_t>(largest_safe_integer)));
}

Napi::Value to_seed(Napi::Env env, uint64_t seed) {
  if (static_cast<double>(seed) <= largest_safe_integer) return Napi::Number::New(env, static_cast<double>(seed));
  return Napi::BigInt::New(env, seed);
}

EngineOptions place_argument(const Napi::Object& object) {
  EngineOptions options;
  options.device = string_argument(object.Get("device"), "device");
  options.threads = threads_argument(object.Get("threads"));
  if (const Napi::Value elements = optional_value(object, "bucketElements"); is_given(elements)) {
    options.replicas.bucket_elements = integer_argument(elements, "bucketElements", 1, int64_t{1} << 32);
  }
  if (const Napi::Value seconds = optional_value(object, "stallSeconds"); is_given(seconds)) {
    options.replicas.stall_seconds = number_argument(seconds, "stallSeconds");
  }
  return options;
}

EngineOptions engine_options_argument(const Napi::Value& value) {
  const Napi::Object object = object_argument(value, "options");
  EngineOptions options = place_argument(object);
  options.model = string_argument(object.Get("model"), "model");
  options.params = model_params_argument(object.Get("modelParams"));
  const std::string precision = string_argument(object.Get("precision"), "precision");
  if (precision != "fp32" && precision != "bf16") fail(ErrorCode::config, "precision must be fp32 or bf16");
  options.precision = precision == "fp32" ? DType::fp32 : DType::bf16;
  options.seed = seed_argument(object.Get("seed"));
  if (const Napi::Value weights = optional_value(object, "weights"); is_given(weights)) {
    options.weights = string_argument(weights, "weights");
    if (options.weights.empty()) fail(ErrorCode::config, "weights must be the path of a safetensors file");
  }
  return options;
}

}  // namespace aot::addon
