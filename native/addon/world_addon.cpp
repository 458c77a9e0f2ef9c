// Exports joinWorld(options), whose promise gives the world: see ts/native_world.ts.
#include "addon/world_addon.h"

#include <mutex>

#include "addon/addon.h"
#include "addon/lane.h"
#include "dist/texts.h"

namespace aot::addon {
namespace {

// What JavaScript's calls need of the world, once in a process.
struct Session {
  explicit Session(std::shared_ptr<World> joined)
      : world(std::move(joined)), broadcasts(world->open_channel()), rest(world->open_channel()) {}
  const std::shared_ptr<World> world;
  const std::unique_ptr<Channel> broadcasts, rest;
  Lane broadcast_lane, rest_lane;
};

// Never destroyed: a process may end while its threads wait.
struct Current {
  std::mutex mutex;  // of the world
  std::shared_ptr<World> world = world_of_one();
  Session* session = nullptr;
};
Current& current() {
  static auto* const state = new Current;
  return *state;
}

// By one thread only.
Session* join(const WorldOptions& options) {
  Current& state = current();
  if (state.session) return state.session;
  state.session = new Session(join_world(options));
  const std::lock_guard lock(state.mutex);
  state.world = state.session->world;
  return state.session;
}

Napi::Value nothing(Napi::Env env, bool) { return env.Undefined(); }

Napi::Array texts_array(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env);
  for (const std::string& text : texts) array.Set(array.Length(), text);
  return array;
}

Napi::Array members_array(Napi::Env env, const std::vector<Member>& members) {
  Napi::Array array = Napi::Array::New(env);
  for (const Member& member : members) {
    Napi::Array processors = Napi::Array::New(env);
    for (int processor : member.processors) processors.Set(processors.Length(), processor);
    Napi::Object object = Napi::Object::New(env);
    object.Set("host", member.host);
    object.Set("process", static_cast<double>(member.process));
    object.Set("processors", processors);
    array.Set(array.Length(), object);
  }
  return array;
}

// object[name] = a function whose errors are AotErrors.
template <class Body>
void method(Napi::Object object, const char* name, Body body) {
  const auto call = [body](const Napi::CallbackInfo& info) -> Napi::Value {
    return guard(info.Env(), [&]() -> Napi::Value { return body(info); });
  };
  object.Set(name, Napi::Function::New(object.Env(), call, name));
}

Napi::Uint8Array bytes_argument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw make_error(value.Env(), "AOT_CONFIG", std::string(name) + " must be a Uint8Array");
  }
  return value.As<Napi::Uint8Array>();
}

Napi::Object channel_object(Napi::Env env, std::unique_ptr<Channel>& opened, int size) {
  struct Open {
    std::unique_ptr<Channel> channel;
    Lane lane;
  };
  auto* const open = new Open{std::move(opened), {}};
  Napi::Object object = Napi::Object::New(env);
  // The array stays where it is until the promise is settled.
  const auto run = [open](Napi::Env env, const Napi::TypedArray& array, auto work) {
    const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.As<Napi::Object>()));
    return open->lane.run(
        env,
        [work] {
          work();
          return true;
        },
        [kept](Napi::Env settled, bool) { return settled.Undefined(); });
  };
  method(object, "barrier", [open](const Napi::CallbackInfo& info) {
    const auto work = [open] {
      open->channel->barrier();
      return true;
    };
    return open->lane.run(info.Env(), work, nothing);
  });
  method(object, "broadcast", [open, run, size](const Napi::CallbackInfo& info) {
    Napi::Uint8Array data = bytes_argument(info[0], "data");
    const int root = static_cast<int>(integer_argument(info[1], "root", 0, size - 1));
    return run(info.Env(), data, [open, root, bytes = data.Data(), length = data.ByteLength()] {
      open->channel->broadcast(bytes, length, root);
    });
  });
  method(object, "allGather", [open, run, size](const Napi::CallbackInfo& info) {
    Napi::Uint8Array data = bytes_argument(info[0], "data");
    const Napi::Object given = object_argument(info[1], "ends");
    std::vector<size_t> ends;
    for (int rank = 0; rank < size; rank++) {
      const auto least = static_cast<int64_t>(ends.empty() ? 0 : ends.back()),
                 most = static_cast<int64_t>(data.ByteLength());
      ends.push_back(
          static_cast<size_t>(integer_argument(given.Get(static_cast<uint32_t>(rank)), "each of ends", least, most)));
    }
    return run(info.Env(), data, [open, ends, bytes = data.Data()] { open->channel->all_gather(bytes, ends); });
  });
  method(object, "allReduce", [open, run](const Napi::CallbackInfo& info) {
    Napi::Float32Array data = float32_argument(info[0], "data");
    return run(info.Env(), data, [open, floats = data.Data(), count = static_cast<int64_t>(data.ElementLength())] {
      open->channel->all_reduce(floats, count);
    });
  });
  return object;
}

Napi::Object world_object(Napi::Env env, Session* session) {
  World* const world = session->world.get();
  const int rank = world->rank(), size = world->size();
  Napi::Object object = Napi::Object::New(env);
  object.Set("rank", rank);
  object.Set("size", size);
  object.Set("members", members_array(env, world->members()));
  method(object, "setDevices", [world](const Napi::CallbackInfo& info) {
    world->set_devices(string_argument(info[0], "text"));
    return info.Env().Undefined();
  });
  method(object, "broadcast", [session, rank](const Napi::CallbackInfo& info) {
    const std::string text = rank == 0 ? string_argument(info[0], "text") : "";
    return session->broadcast_lane.run(
        info.Env(), [=] { return broadcast_text(*session->broadcasts, rank, text); },
        [](Napi::Env settled, const std::string& got) { return Napi::String::New(settled, got); });
  });
  method(object, "allGather", [session, rank, size](const Napi::CallbackInfo& info) {
    const std::string text = string_argument(info[0], "text");
    return session->rest_lane.run(
        info.Env(), [=] { return gather_texts(*session->rest, rank, size, text); }, texts_array);
  });
  method(object, "barrier", [session](const Napi::CallbackInfo& info) {
    const auto work = [session] {
      session->rest->barrier();
      return true;
    };
    return session->rest_lane.run(info.Env(), work, nothing);
  });
  method(object, "fail", [world](const Napi::CallbackInfo& info) {
    world->fail(string_argument(info[0], "message"));
    return info.Env().Undefined();
  });
  method(object, "check", [world](const Napi::CallbackInfo& info) {
    world->check();
    return info.Env().Undefined();
  });
  method(object, "leave", [session, world](const Napi::CallbackInfo& info) {
    const auto work = [world] {
      world->leave();
      return true;
    };
    return session->rest_lane.run(info.Env(), work, nothing);
  });
  method(object, "openChannel", [session, world, size](const Napi::CallbackInfo& info) {
    return session->rest_lane.run(
        info.Env(), [world] { return world->open_channel(); },
        [size](Napi::Env settled, std::unique_ptr<Channel>& channel) {
          return channel_object(settled, channel, size);
        });
  });
  return object;
}

// Tells the others when the process ends before it has left, and ends what its threads wait for: Node waits for those
// of its pool.
void watch_for_end(Napi::Env env, World* world) {
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  const auto end = Napi::Function::New(
      env, [world](const Napi::CallbackInfo&) { world->fail("it has ended before its work was done"); });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), end});
}

double seconds_option(const Napi::Object& options, const char* name) {
  const double seconds = number_argument(options.Get(name), name);
  if (!(seconds > 0 && seconds <= 1e9)) {
    throw make_error(options.Env(), "AOT_CONFIG", std::string(name) + " must be more than 0");
  }
  return seconds;
}

}  // namespace

std::shared_ptr<World> current_world() {
  Current& state = current();
  const std::lock_guard lock(state.mutex);
  return state.world;
}

void export_world(Napi::Env, Napi::Object exports) {
  method(exports, "joinWorld", [](const Napi::CallbackInfo& info) {
    const Napi::Object given = object_argument(info[0], "options");
    WorldOptions options;
    options.silence_seconds = seconds_option(given, "silenceSeconds");
    options.stall_seconds = seconds_option(given, "stallSeconds");
    static auto* const lane = new Lane;
    return lane->run(
        info.Env(), [options] { return join(options); },
        [](Napi::Env settled, Session* session) {
          watch_for_end(settled, session->world.get());
          return world_object(settled, session);
        });
  });
}

}  // namespace aot::addon
