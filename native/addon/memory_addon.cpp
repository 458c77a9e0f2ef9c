// Exports planMemory(options, batch, validBatch) and freeMemory(device).
#include <limits>

#include "addon/addon.h"
#include "addon/engine_options.h"
#include "train/memory_plan.h"

namespace aot::addon {
namespace {

Napi::Value plan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    const auto batch = static_cast<int>(integer_argument(info[1], "batch", 1, most));
    const auto valid_batch = static_cast<int>(integer_argument(info[2], "validBatch", 1, most));
    const MemoryPlan plan = plan_memory(engine_options_argument(info[0]), batch, valid_batch);
    Napi::Object object = Napi::Object::New(env);
    object.Set("engine", static_cast<double>(plan.engine));
    object.Set("process", static_cast<double>(plan.process));
    return object;
  });
}

Napi::Value free(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(free_memory(string_argument(info[0], "device"))));
  });
}

}  // namespace

void export_memory(Napi::Env env, Napi::Object exports) {
  exports.Set("planMemory", Napi::Function::New(env, plan, "planMemory"));
  exports.Set("freeMemory", Napi::Function::New(env, free, "freeMemory"));
}

}  // namespace aot::addon
