// Single ops, for tests and benchmarks: listOps(), opCost(), runOp(), timeOp(), availableIsas().
#include "addon/addon.h"
#include "backend/gpu_backend.h"
#include "backend/op_run.h"
#include "cpu/isa.h"

namespace aot::addon {
namespace {

const char* role_name(OpRole role) {
  switch (role) {
    case OpRole::activation:
      return "activation";
    case OpRole::fp32:
      return "fp32";
    case OpRole::host:
      return "host";
    case OpRole::weight:
      return "weight";
    case OpRole::vector:
      return "vector";
    case OpRole::inputs:
      return "inputs";
    case OpRole::targets:
      return "targets";
    case OpRole::losses:
      return "losses";
  }
  return "";
}

Napi::Array tensors_to_js(Napi::Env env, const std::vector<OpTensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); i++) {
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", tensors[i].name);
    tensor.Set("role", role_name(tensors[i].role));
    tensor.Set("rows", tensors[i].rows);
    tensor.Set("cols", tensors[i].cols);
    array.Set(i, tensor);
  }
  return array;
}

Napi::Value list_ops(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array array = Napi::Array::New(env);
  for (const Op& op : op_table()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", op.name);
    object.Set("inputs", tensors_to_js(env, op.inputs));
    object.Set("outputs", tensors_to_js(env, op.outputs));
    object.Set("reduction", op.reduction);
    object.Set("roundsInside", op.rounds_inside);
    array.Set(array.Length(), object);
  }
  return array;
}

OpShape shape_argument(const Napi::Value& value) {
  const Napi::Object object = object_argument(value, "shape");
  OpShape shape;
  const auto read = [&](const char* name, int64_t& size) {
    const Napi::Value given = optional_value(object, name);
    if (is_given(given)) size = integer_argument(given, name, 1, 1 << 20);
  };
  read("batch", shape.batch);
  read("window", shape.window);
  read("width", shape.width);
  read("out", shape.out);
  read("heads", shape.heads);
  read("vocabulary", shape.vocabulary);
  return shape;
}

DType precision_argument(const Napi::Value& value) {
  const std::string name = string_argument(value, "precision");
  if (name == "fp32") return DType::fp32;
  if (name == "bf16") return DType::bf16;
  fail(ErrorCode::config, "precision must be fp32 or bf16");
}

OpOptions options_argument(const Napi::Object& object) {
  OpOptions options;
  const auto number = [&](const char* name, auto& to) {
    const Napi::Value given = optional_value(object, name);
    if (is_given(given)) to = static_cast<std::remove_reference_t<decltype(to)>>(number_argument(given, name));
  };
  const auto whole = [&](const char* name, auto& to, int64_t most) {
    const Napi::Value given = optional_value(object, name);
    if (is_given(given))
      to = static_cast<std::remove_reference_t<decltype(to)>>(integer_argument(given, name, 0, most));
  };
  number("rate", options.rate);
  if (!(options.rate >= 0 && options.rate < 1)) fail(ErrorCode::config, "rate must be from 0 to below 1");
  whole("site", options.site, 0xffffffffll);
  whole("minibatch", options.minibatch, 0xffffffffll);
  whole("seed", options.seed, 1ll << 53);
  whole("firstRow", options.first_row, 1ll << 32);
  number("lossScale", options.loss_scale);
  const Napi::Value accumulate = optional_value(object, "accumulate");
  if (is_given(accumulate)) options.accumulate = boolean_argument(accumulate, "accumulate");
  number("lr", options.adamw.lr);
  number("clip", options.adamw.clip);
  number("weightDecay", options.adamw.weight_decay);
  whole("step", options.adamw.step, 1ll << 53);
  return options;
}

void read_backend_options(const Napi::Object& options, BackendOptions& backend_options) {
  const Napi::Value threads = optional_value(options, "threads");
  backend_options.threads = is_given(threads) ? static_cast<int>(integer_argument(threads, "threads", 1, 1024)) : 2;
  const Napi::Value sequences = optional_value(options, "sliceSequences");
  if (is_given(sequences)) {
    backend_options.slice_sequences = static_cast<int>(integer_argument(sequences, "sliceSequences", 1, 1 << 20));
  }
}

std::string isa_argument(const Napi::Object& options) {
  const Napi::Value isa = optional_value(options, "isa");
  return is_given(isa) ? string_argument(isa, "isa") : "";
}

Napi::Value run_op_js(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const std::string device = string_argument(info[0], "device");
    BackendOptions backend_options;
    backend_options.precision = precision_argument(info[1]);
    const Op& op = find_op(string_argument(info[2], "op"));
    const OpShape shape = shape_argument(info[3]);
    if (!info[4].IsArray()) fail(ErrorCode::config, "inputs must be an array of Float32Array");
    const Napi::Array array = info[4].As<Napi::Array>();
    std::vector<std::vector<float>> inputs;
    for (uint32_t i = 0; i < array.Length(); i++) {
      const Napi::Value value = array.Get(i);
      if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
        fail(ErrorCode::config, "inputs must be an array of Float32Array");
      }
      const Napi::Float32Array values = value.As<Napi::Float32Array>();
      inputs.emplace_back(values.Data(), values.Data() + values.ElementLength());
    }
    const Napi::Object options = is_given(info[5]) ? object_argument(info[5], "options") : Napi::Object::New(env);
    read_backend_options(options, backend_options);
    const cpu::IsaOverride isa_override(isa_argument(options));
    const auto outputs = run_op(op, device, backend_options, shape, inputs, options_argument(options));
    Napi::Object result = Napi::Object::New(env);
    for (const auto& [name, values] : outputs) {
      Napi::Float32Array copy = Napi::Float32Array::New(env, values.size());
      std::copy(values.begin(), values.end(), copy.Data());
      result.Set(name, copy);
    }
    return result;
  });
}

Napi::Value time_op_js(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const std::string device = string_argument(info[0], "device");
    BackendOptions backend_options;
    backend_options.precision = precision_argument(info[1]);
    const Op& op = find_op(string_argument(info[2], "op"));
    const OpShape shape = shape_argument(info[3]);
    const double budget = number_argument(info[4], "seconds");
    if (!(budget >= 0 && budget <= 3600)) fail(ErrorCode::config, "seconds must be from 0 to 3600");
    const Napi::Object options = is_given(info[5]) ? object_argument(info[5], "options") : Napi::Object::New(env);
    read_backend_options(options, backend_options);
    return run_async(
        env,
        [=, &op, isa = isa_argument(options), op_options = options_argument(options)] {
          const cpu::IsaOverride isa_override(isa);
          return time_op(op, device, backend_options, shape, op_options, budget);
        },
        [](Napi::Env settled, const OpTimes& times) -> Napi::Value {
          Napi::Object result = Napi::Object::New(settled);
          Napi::Float64Array samples = Napi::Float64Array::New(settled, times.seconds.size());
          std::copy(times.seconds.begin(), times.seconds.end(), samples.Data());
          result.Set("samples", samples);
          result.Set("device", times.device);
          return result;
        });
  });
}

Napi::Value op_cost(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Op& op = find_op(string_argument(info[0], "op"));
    const OpShape shape = shape_argument(info[1]);
    Napi::Object result = Napi::Object::New(env);
    result.Set("flops", op.flops(shape));
    result.Set("bytes", op.bytes(shape, precision_argument(info[2])));
    return result;
  });
}

Napi::Value set_emulation_js(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Napi::Object settings = object_argument(info[0], "settings");
    Emulation emulation;
    const Napi::Value order = optional_value(settings, "order"), copy = optional_value(settings, "copyAtOnce"),
                      limit = optional_value(settings, "memoryLimit"),
                      multiprocessors = optional_value(settings, "multiprocessors");
    if (is_given(order)) emulation.order = static_cast<int>(integer_argument(order, "order", 0, 1 << 30));
    if (is_given(copy)) emulation.copy_at_once = boolean_argument(copy, "copyAtOnce");
    if (is_given(limit)) emulation.memory_limit = integer_argument(limit, "memoryLimit", 0, 1ll << 53);
    if (is_given(multiprocessors)) {
      emulation.multiprocessors = static_cast<int>(integer_argument(multiprocessors, "multiprocessors", 1, 1024));
    }
    set_emulation(emulation);
    return env.Undefined();
  });
}

Napi::Value available_isas_js(const Napi::CallbackInfo& info) {
  Napi::Array array = Napi::Array::New(info.Env());
  for (const std::string& isa : cpu::available_isas()) array.Set(array.Length(), isa);
  return array;
}

}  // namespace

void export_ops(Napi::Env env, Napi::Object exports) {
  exports.Set("listOps", Napi::Function::New(env, list_ops, "listOps"));
  exports.Set("opCost", Napi::Function::New(env, op_cost, "opCost"));
  exports.Set("runOp", Napi::Function::New(env, run_op_js, "runOp"));
  exports.Set("timeOp", Napi::Function::New(env, time_op_js, "timeOp"));
  exports.Set("setEmulation", Napi::Function::New(env, set_emulation_js, "setEmulation"));
  exports.Set("availableIsas", Napi::Function::New(env, available_isas_js, "availableIsas"));
}

}  // namespace aot::addon
