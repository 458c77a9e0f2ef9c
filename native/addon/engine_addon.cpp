// class Engine of ts/native.ts
#include <cmath>
#include <deque>
#include <optional>

#include "addon/addon.h"
#include "addon/engine_options.h"
#include "addon/task.h"
#include "addon/token_store_addon.h"
#include "addon/world_addon.h"
#include "train/engine.h"

namespace aot::addon {
namespace {

Napi::Float32Array to_float32_array(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// A copy: what the caller does with the array afterwards makes no difference.
std::vector<int32_t> ids_argument(const Napi::Value& value, const char* name) {
  const Napi::Int32Array array = int32_argument(value, name);
  const int32_t* data = array.Data();
  return std::vector<int32_t>(data, data + array.ElementLength());
}

// Calls wait in a queue that only the event loop touches; one at a time is on a thread, so an engine never holds more
// than one thread of the pool. On a device that works ahead, a minibatch or a step is issued while the one before is
// not done yet, so that the device never waits for the host. A synchronous call does what is waiting before it itself.
class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Engine",
                       {InstanceAccessor("options", &EngineWrap::options, nullptr),
                        InstanceAccessor("description", &EngineWrap::description, nullptr),
                        InstanceAccessor("parameterCount", &EngineWrap::parameter_count, nullptr),
                        InstanceAccessor("minibatch", &EngineWrap::minibatch, nullptr),
                        InstanceAccessor("optimizerSteps", &EngineWrap::optimizer_steps, nullptr),
                        InstanceMethod("forward", &EngineWrap::forward),
                        InstanceMethod("accumulate", &EngineWrap::accumulate),
                        InstanceMethod("accumulateFrom", &EngineWrap::accumulate_from),
                        InstanceMethod("evaluate", &EngineWrap::evaluate),
                        InstanceMethod("evaluateFrom", &EngineWrap::evaluate_from),
                        InstanceMethod("optimizerStep", &EngineWrap::optimizer_step),
                        InstanceMethod("profile", &EngineWrap::profile),
                        InstanceAccessor("peakDeviceMemory", &EngineWrap::peak_device_memory, nullptr),
                        InstanceMethod("parameters", &EngineWrap::parameters),
                        InstanceMethod("gradients", &EngineWrap::gradients),
                        InstanceMethod("synchronise", &EngineWrap::synchronise),
                        InstanceMethod("save", &EngineWrap::save),
                        InstanceMethod("generate", &EngineWrap::generate),
                        InstanceMethod("nextToken", &EngineWrap::next_token),
                        InstanceMethod("close", &EngineWrap::close)});
  }

  static Napi::Object wrap(Napi::Env env, const Napi::FunctionReference& constructor, std::unique_ptr<Engine> engine) {
    incoming = std::move(engine);
    (void)env;
    return constructor.New({});
  }

  explicit EngineWrap(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<EngineWrap>(info), engine_(std::move(incoming)) {
    if (!engine_) throw make_error(info.Env(), "AOT_CONFIG", "an Engine is made by Engine.create() or Engine.load()");
  }

 private:
  static constexpr size_t most_ahead = 4;  // a minibatch with its step, and the next

  // Handed over to the constructor, which JavaScript calls.
  static thread_local std::unique_ptr<Engine> incoming;

  void check_open() const {
    if (closed_) fail(ErrorCode::config, "the engine is closed: make another one");
  }

  // work(engine) off the event loop, after the calls made before; the promise gets to_js(env, result).
  template <class Work, class ToJs>
  Napi::Value enqueue(Napi::Env env, Work work, ToJs to_js) {
    check_open();
    using Result = decltype(work(*engine_));
    auto result = std::make_shared<std::optional<Result>>();
    return enqueue_task(std::make_shared<Task>(
        env, false,
        [this, work = std::move(work), result]() mutable -> Task::Wait {
          result->emplace(work(*engine_));
          return nullptr;
        },
        [to_js, result](Napi::Env settled) -> Napi::Value { return to_js(settled, **result); }));
  }

  // The same for work that gives an Engine::Pending.
  template <class Work, class ToJs>
  Napi::Value enqueue_pending(Napi::Env env, Work work, ToJs to_js) {
    check_open();
    auto result = std::make_shared<double>();
    return enqueue_task(std::make_shared<Task>(
        env, engine_->works_ahead(),
        [this, work = std::move(work), result]() mutable -> Task::Wait {
          return [pending = work(*engine_), result] { *result = pending(); };
        },
        [to_js, result](Napi::Env settled) -> Napi::Value { return to_js(settled, *result); }));
  }

  Napi::Value enqueue_task(const std::shared_ptr<Task>& task) {
    tasks_.push_back(task);
    start_next(task->promise().Env());
    return task->promise();
  }

  // Issues the next call where it may go ahead, else waits for the oldest.
  void start_next(Napi::Env env) {
    if (on_thread_ || tasks_.empty()) return;
    on_thread_ = true;
    const bool issues = issued_ < tasks_.size() && (issued_ == 0 || (issued_ < most_ahead && tasks_[issued_]->ahead()));
    const std::shared_ptr<Task> task = issues ? tasks_[issued_] : tasks_.front();
    const bool waits = !issues || !task->ahead();
    const auto work = [task, issues, waits] {
      if (issues) task->issue();
      if (waits) task->wait();
      return true;
    };
    const auto then = [this, task, issues, waits](Napi::Env settled, bool) -> Napi::Value {
      on_thread_ = false;
      if (issues) issued_++;
      if (waits) {
        tasks_.pop_front();
        issued_--;
        task->settle(settled);
      }
      start_next(settled);
      if (closed_ && tasks_.empty()) engine_.reset();
      return settled.Undefined();
    };
    run_async(env, work, then, {Value()});
  }

  // The engine, when all calls made before are done.
  Engine& after_tasks() {
    check_open();
    for (const std::shared_ptr<Task>& task : tasks_) {
      task->issue();
      task->wait();
    }
    return *engine_;
  }

  Napi::Value options(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      check_open();
      const Napi::Env env = info.Env();
      const EngineOptions& options = engine_->options();
      Napi::Object params = Napi::Object::New(env);
      for (const auto& [key, value] : options.params) {
        params.Set(key, value ? Napi::Number::New(env, *value).As<Napi::Value>() : env.Null());
      }
      Napi::Object object = Napi::Object::New(env);
      object.Set("model", options.model);
      object.Set("modelParams", params);
      object.Set("device", options.device);
      object.Set("precision", options.precision == DType::fp32 ? "fp32" : "bf16");
      object.Set("seed", to_seed(env, options.seed));
      return object;
    });
  }

  template <class Value>
  Napi::Value getter(const Napi::CallbackInfo& info, Value value) {
    return guard(info.Env(), [&]() -> Napi::Value {
      check_open();
      return value(info.Env());
    });
  }
  Napi::Value description(const Napi::CallbackInfo& info) {
    return getter(info, [&](Napi::Env env) { return Napi::String::New(env, engine_->description()); });
  }
  Napi::Value parameter_count(const Napi::CallbackInfo& info) {
    return getter(info, [&](Napi::Env env) {
      return Napi::Number::New(env, static_cast<double>(engine_->table().element_count()));
    });
  }
  Napi::Value minibatch(const Napi::CallbackInfo& info) {
    return getter(info, [&](Napi::Env env) { return Napi::Number::New(env, engine_->minibatch()); });
  }
  Napi::Value optimizer_steps(const Napi::CallbackInfo& info) {
    return getter(
        info, [&](Napi::Env env) { return Napi::Number::New(env, static_cast<double>(engine_->optimizer_steps())); });
  }

  static int64_t batch_argument(const Napi::Value& value) {
    return integer_argument(value, "batch", 1, std::numeric_limits<int32_t>::max());
  }

  Napi::Value forward(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto inputs = ids_argument(info[0], "inputs");
      const int64_t batch = batch_argument(info[1]);
      Napi::Float32Array array = float32_argument(info[2], "logits");
      const std::span<float> logits(array.Data(), array.ElementLength());
      // The array stays where it is until the promise is settled.
      const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.As<Napi::Object>()));
      return enqueue(
          info.Env(),
          [=](Engine& engine) {
            engine.forward(inputs, batch, logits);
            return true;
          },
          [kept](Napi::Env env, bool) { return env.Undefined(); });
    });
  }

  static bool last_argument(const Napi::Value& value) {
    if (!is_given(value)) return false;
    if (!value.IsBoolean()) fail(ErrorCode::config, "last must be true or false");
    return value.As<Napi::Boolean>().Value();
  }

  static Napi::Object loss_object(Napi::Env env, double loss) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("loss", loss);
    return object;
  }
  static Napi::Object losses_object(Napi::Env env, const std::vector<float>& losses) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("losses", to_float32_array(env, losses));
    return object;
  }

  Napi::Value accumulate(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto inputs = ids_argument(info[0], "inputs"), targets = ids_argument(info[1], "targets");
      const int64_t batch = batch_argument(info[2]);
      const double scale = number_argument(info[3], "scale");
      const bool last = last_argument(info[4]);
      return enqueue_pending(
          info.Env(), [=](Engine& engine) { return engine.accumulate(inputs, targets, batch, scale, last); },
          loss_object);
    });
  }

  Napi::Value accumulate_from(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const std::shared_ptr<BatchLoader> loader = unwrap_batch_loader(info[0]);
      const double scale = number_argument(info[1], "scale");
      const bool last = last_argument(info[2]);
      return enqueue_pending(
          info.Env(),
          [=](Engine& engine) {
            const Batch batch = loader->next();
            return engine.accumulate(batch.inputs, batch.targets, loader->batch_size(), scale, last);
          },
          loss_object);
    });
  }

  Napi::Value profile(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto inputs = ids_argument(info[0], "inputs"), targets = ids_argument(info[1], "targets");
      const int64_t batch = batch_argument(info[2]);
      return enqueue(
          info.Env(), [=](Engine& engine) { return engine.profile(inputs, targets, batch); },
          [](Napi::Env env, const Profile& profile) {
            Napi::Object result = Napi::Object::New(env);
            result.Set("seconds", profile.seconds);
            result.Set("lanes", profile.lanes);
            Napi::Array ops = Napi::Array::New(env);
            for (const auto& [name, share] : profile.ops) {
              Napi::Object op = Napi::Object::New(env);
              op.Set("name", name);
              op.Set("calls", static_cast<double>(share.calls));
              op.Set("seconds", share.seconds);
              op.Set("flops", share.flops);
              op.Set("bytes", share.bytes);
              ops.Set(ops.Length(), op);
            }
            result.Set("ops", ops);
            return result;
          });
    });
  }
  Napi::Value peak_device_memory(const Napi::CallbackInfo& info) {
    return getter(info,
                  [&](Napi::Env env) { return Napi::Number::New(env, static_cast<double>(engine_->peak_memory())); });
  }

  Napi::Value evaluate(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto inputs = ids_argument(info[0], "inputs"), targets = ids_argument(info[1], "targets");
      const int64_t batch = batch_argument(info[2]);
      return enqueue(
          info.Env(), [=](Engine& engine) { return engine.evaluate(inputs, targets, batch); }, losses_object);
    });
  }

  Napi::Value evaluate_from(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const std::shared_ptr<BatchLoader> loader = unwrap_batch_loader(info[0]);
      return enqueue(
          info.Env(),
          [=](Engine& engine) {
            const Batch batch = loader->next();
            return engine.evaluate(batch.inputs, batch.targets, loader->batch_size());
          },
          losses_object);
    });
  }

  Napi::Value optimizer_step(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const Napi::Object given = object_argument(info[0], "options");
      const double lr = number_argument(given.Get("lr"), "lr"), clip = number_argument(given.Get("clip"), "clip");
      return enqueue_pending(
          info.Env(), [=](Engine& engine) { return engine.optimizer_step(lr, clip); },
          [](Napi::Env env, double norm) {
            Napi::Object object = Napi::Object::New(env);
            object.Set("gradNorm", norm);
            return object;
          });
    });
  }

  Napi::Value export_block(const Napi::CallbackInfo& info, Block block) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const Napi::Env env = info.Env();
      Engine& engine = after_tasks();
      const ParameterTable& table = engine.table();
      Napi::Array tensors = Napi::Array::New(env, static_cast<size_t>(table.count()));
      for (ParameterId id = 0; id < table.count(); id++) {
        Napi::HandleScope scope(env);
        const Parameter& parameter = table[id];
        Napi::Array shape = Napi::Array::New(env, parameter.shape.size());
        for (size_t i = 0; i < parameter.shape.size(); i++) {
          shape.Set(static_cast<uint32_t>(i), static_cast<double>(parameter.shape[i]));
        }
        Napi::Object tensor = Napi::Object::New(env);
        tensor.Set("shape", shape);
        tensor.Set("data", to_float32_array(env, engine.read(block, id)));
        Napi::Array pair = Napi::Array::New(env, 2);
        pair.Set(0u, parameter.name);
        pair.Set(1u, tensor);
        tensors.Set(static_cast<uint32_t>(id), pair);
      }
      return tensors;
    });
  }
  Napi::Value parameters(const Napi::CallbackInfo& info) { return export_block(info, Block::weights); }
  Napi::Value gradients(const Napi::CallbackInfo& info) { return export_block(info, Block::gradients); }

  Napi::Value synchronise(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      return enqueue(
          info.Env(),
          [=](Engine& engine) {
            engine.synchronise();
            return true;
          },
          [](Napi::Env env, bool) { return env.Undefined(); });
    });
  }

  Napi::Value save(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const std::string folder = string_argument(info[0], "folder");
      return enqueue(
          info.Env(),
          [=](Engine& engine) {
            engine.save(folder);
            return true;
          },
          [](Napi::Env env, bool) { return env.Undefined(); });
    });
  }

  static constexpr int64_t most_tokens = std::numeric_limits<int32_t>::max();

  static GenerateOptions generate_options(const Napi::Object& given) {
    GenerateOptions options;
    options.temperature = number_argument(given.Get("temperature"), "temperature");
    options.top_k = integer_argument(given.Get("topK"), "topK", 0, most_tokens);
    options.seed = seed_argument(given.Get("seed"));
    return options;
  }

  Napi::Value generate(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto prompt = ids_argument(info[0], "prompt");
      const Napi::Object given = object_argument(info[1], "options");
      const int64_t tokens = integer_argument(given.Get("tokens"), "tokens", 0, most_tokens);
      const GenerateOptions options = generate_options(given);
      return enqueue(
          info.Env(), [=](Engine& engine) { return engine.generate(prompt, tokens, options); },
          [](Napi::Env env, const std::vector<int32_t>& tokens) {
            Napi::Int32Array array = Napi::Int32Array::New(env, tokens.size());
            std::copy(tokens.begin(), tokens.end(), array.Data());
            Napi::Object object = Napi::Object::New(env);
            object.Set("tokens", array);
            return object;
          });
    });
  }

  Napi::Value next_token(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      auto sequence = ids_argument(info[0], "prompt");
      const int64_t index = integer_argument(info[1], "index", 0, most_tokens);
      const GenerateOptions options = generate_options(object_argument(info[2], "options"));
      return enqueue(
          info.Env(), [=](Engine& engine) { return engine.next_token(sequence, index, options); },
          [](Napi::Env env, int32_t token) { return Napi::Number::New(env, token); });
    });
  }

  // Calls made before still come to their end; the memory is given back after them.
  Napi::Value close(const Napi::CallbackInfo& info) {
    closed_ = true;
    if (tasks_.empty()) engine_.reset();
    return info.Env().Undefined();
  }

  std::unique_ptr<Engine> engine_;
  std::deque<std::shared_ptr<Task>> tasks_;  // not settled yet, in the order of the calls
  size_t issued_ = 0;                        // of them
  bool on_thread_ = false;                   // one of them is
  bool closed_ = false;
};

thread_local std::unique_ptr<Engine> EngineWrap::incoming;

}  // namespace

void export_engine(Napi::Env env, Napi::Object exports) {
  Napi::Function engine_class = EngineWrap::define(env);
  const auto constructor = std::make_shared<Napi::FunctionReference>(Napi::Persistent(engine_class));
  // make() off the event loop, then the object around it.
  const auto make_async = [constructor](Napi::Env env, std::function<std::unique_ptr<Engine>()> make) {
    return run_async(env, std::move(make), [constructor](Napi::Env settled, std::unique_ptr<Engine>& engine) {
      return EngineWrap::wrap(settled, *constructor, std::move(engine));
    });
  };
  const auto create = [make_async](const Napi::CallbackInfo& info) -> Napi::Value {
    return guard(info.Env(), [&]() -> Napi::Value {
      const EngineOptions options = engine_options_argument(info[0]);
      return make_async(info.Env(), [options] { return Engine::create(options, current_world()); });
    });
  };
  const auto load = [make_async](const Napi::CallbackInfo& info) -> Napi::Value {
    return guard(info.Env(), [&]() -> Napi::Value {
      const std::string folder = string_argument(info[0], "folder");
      const Napi::Object given = object_argument(info[1], "options");
      const EngineOptions place = place_argument(given);
      return make_async(info.Env(), [=] { return Engine::load(folder, place, current_world()); });
    });
  };
  engine_class.Set("create", Napi::Function::New(env, create, "create"));
  engine_class.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("Engine", engine_class);
}

}  // namespace aot::addon
