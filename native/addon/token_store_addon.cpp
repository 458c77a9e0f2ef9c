// TokenStore, its windows, and BatchLoader, as ts/native.ts types them.
#include "addon/token_store_addon.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "addon/addon.h"
#include "data/shuffle.h"
#include "data/token_store.h"
#include "data/windows.h"

namespace aot::addon {
namespace {

constexpr int64_t most_exact = int64_t{1} << 53;
constexpr int64_t most_int32 = INT32_MAX;

constexpr napi_type_tag store_tag{0x5d1c6c2be0f34a71, 0x9f0e3a8b7c4d2e61};
constexpr napi_type_tag loader_tag{0x2b7e151628aed2a6, 0xabf7158809cf4f3c};

Napi::Int32Array to_int32_array(Napi::Env env, const int32_t* from, size_t count) {
  Napi::Int32Array array = Napi::Int32Array::New(env, count);
  if (count > 0) std::memcpy(array.Data(), from, count * sizeof(int32_t));
  return array;
}

int32_t token_argument(const Napi::Object& object, const char* key, const char* name) {
  return static_cast<int32_t>(integer_argument(object.Get(key), name, 0, most_int32));
}

WindowOptions window_options(const Napi::Value& value) {
  const Napi::Object object = object_argument(value, "windows");
  WindowOptions options;
  options.attn_length = static_cast<int>(integer_argument(object.Get("attnLength"), "attnLength", 3, 1 << 24));
  if (const Napi::Value stride = optional_value(object, "stride"); is_given(stride)) {
    options.stride = integer_argument(stride, "stride", 1, most_exact);
  }
  if (const Napi::Value backwards = optional_value(object, "backwards"); is_given(backwards)) {
    options.backwards = boolean_argument(backwards, "backwards");
  }
  if (const Napi::Value permutation = optional_value(object, "permutation"); is_given(permutation)) {
    if (!permutation.IsArray()) throw make_error(value.Env(), "AOT_CONFIG", "permutation must be a list of numbers");
    const Napi::Array list = permutation.As<Napi::Array>();
    if (list.Length() != static_cast<uint32_t>(options.attn_length)) {
      throw make_error(value.Env(), "AOT_CONFIG",
                       "permutation has " + std::to_string(list.Length()) + " places where attnLength is " +
                           std::to_string(options.attn_length) + ": they must agree");
    }
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const std::string name = "permutation[" + std::to_string(i) + "]";
      options.permutation.push_back(
          static_cast<int32_t>(integer_argument(list.Get(i), name.c_str(), 0, options.attn_length - 1)));
    }
    options.backwards = false;
  }
  if (const Napi::Value fwbw = optional_value(object, "fwbw"); is_given(fwbw)) {
    const Napi::Object tokens = object_argument(fwbw, "fwbw");
    options.fwbw = ForwardBackwardTokens{token_argument(tokens, "forward", "fwbw.forward"),
                                         token_argument(tokens, "backward", "fwbw.backward")};
  }
  return options;
}

// The windows of a store: { length, get(i), order(seed) }, a plain object whose functions share what they need.
Napi::Object make_windows(Napi::Env env, std::shared_ptr<const Windows> windows) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("length", static_cast<double>(windows->length()));
  const auto get = [windows](const Napi::CallbackInfo& info) -> Napi::Value {
    return guard(info.Env(), [&]() -> Napi::Value {
      const int64_t index = integer_argument(info[0], "index", -most_exact, most_exact);
      const size_t count = static_cast<size_t>(windows->attn_length());
      std::vector<int32_t> input(count), target(count);
      windows->get(index, input.data(), target.data());
      Napi::Object pair = Napi::Object::New(info.Env());
      pair.Set("input", to_int32_array(info.Env(), input.data(), count));
      pair.Set("target", to_int32_array(info.Env(), target.data(), count));
      return pair;
    });
  };
  const auto order = [windows](const Napi::CallbackInfo& info) -> Napi::Value {
    return guard(info.Env(), [&]() -> Napi::Value {
      const int64_t seed = integer_argument(info[0], "seed", 0, most_exact);
      const auto shuffled = shuffled_order(windows->length(), static_cast<uint64_t>(seed));
      const size_t count = static_cast<size_t>(shuffled->length());
      const auto fill = [&](auto array) -> Napi::Value {
        auto* to = array.Data();
        for (size_t i = 0; i < count; ++i) {
          to[i] = static_cast<std::remove_reference_t<decltype(*to)>>((*shuffled)[static_cast<int64_t>(i)]);
        }
        return array;
      };
      if (shuffled->length() <= most_int32) return fill(Napi::Int32Array::New(info.Env(), count));
      return fill(Napi::Float64Array::New(info.Env(), count));
    });
  };
  object.Set("get", Napi::Function::New(env, get, "get"));
  object.Set("order", Napi::Function::New(env, order, "order"));
  return object;
}

class TokenStoreWrap : public Napi::ObjectWrap<TokenStoreWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "TokenStore",
        {StaticMethod("open", &TokenStoreWrap::open), InstanceAccessor<&TokenStoreWrap::length>("length"),
         InstanceAccessor<&TokenStoreWrap::dtype>("dtype"), InstanceMethod("maxId", &TokenStoreWrap::max_id),
         InstanceMethod("read", &TokenStoreWrap::read), InstanceMethod("windows", &TokenStoreWrap::windows),
         InstanceMethod("close", &TokenStoreWrap::close)});
  }

  explicit TokenStoreWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TokenStoreWrap>(info) {
    guard(info.Env(), [&] { store_ = TokenStore::open(string_argument(info[0], "path")); });
    info.This().As<Napi::Object>().TypeTag(&store_tag);
  }

  const std::shared_ptr<const TokenStore>& store() const {
    if (!store_) fail(ErrorCode::config, "the token store is closed");
    return store_;
  }

 private:
  static Napi::Value open(const Napi::CallbackInfo& info) { return info.This().As<Napi::Function>().New({info[0]}); }
  Napi::Value length(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), static_cast<double>(store()->length())); });
  }
  Napi::Value dtype(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return Napi::String::New(info.Env(), store()->dtype()); });
  }
  Napi::Value max_id(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      return run_async(
          info.Env(), [store = store()] { return store->max_id(); },
          [](Napi::Env env, int32_t most) -> Napi::Value { return Napi::Number::New(env, most); });
    });
  }
  Napi::Value read(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const int64_t offset = integer_argument(info[0], "offset", 0, most_exact);
      const int64_t count = integer_argument(info[1], "count", 0, most_int32);
      if (offset > store()->length() || count > store()->length() - offset) store()->read(offset, count, nullptr);
      Napi::Int32Array tokens = Napi::Int32Array::New(info.Env(), static_cast<size_t>(count));
      store()->read(offset, count, tokens.Data());
      return tokens;
    });
  }
  Napi::Value windows(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      return make_windows(info.Env(), std::make_shared<const Windows>(store(), window_options(info[0])));
    });
  }
  Napi::Value close(const Napi::CallbackInfo& info) {
    store_.reset();
    return info.Env().Undefined();
  }

  std::shared_ptr<const TokenStore> store_;
};

class BatchLoaderWrap : public Napi::ObjectWrap<BatchLoaderWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "BatchLoader",
        {InstanceAccessor<&BatchLoaderWrap::length>("length"), InstanceAccessor<&BatchLoaderWrap::batches>("batches"),
         InstanceAccessor<&BatchLoaderWrap::attn_length>("attnLength"),
         InstanceAccessor<&BatchLoaderWrap::batch_size>("batchSize"),
         InstanceAccessor<&BatchLoaderWrap::position>("position"), InstanceMethod("seek", &BatchLoaderWrap::seek),
         InstanceMethod("next", &BatchLoaderWrap::next), InstanceMethod("close", &BatchLoaderWrap::close)});
  }

  explicit BatchLoaderWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BatchLoaderWrap>(info) {
    guard(info.Env(), [&] { loader_ = make(info); });
    info.This().As<Napi::Object>().TypeTag(&loader_tag);
  }

  const std::shared_ptr<BatchLoader>& loader() const {
    if (!loader_) fail(ErrorCode::config, "the batch loader is closed");
    return loader_;
  }

 private:
  static std::shared_ptr<BatchLoader> make(const Napi::CallbackInfo& info) {
    if (!info[0].IsObject() || !info[0].As<Napi::Object>().CheckTypeTag(&store_tag)) {
      throw make_error(info.Env(), "AOT_CONFIG", "store must be an open TokenStore");
    }
    const TokenStoreWrap* store = TokenStoreWrap::Unwrap(info[0].As<Napi::Object>());
    const Napi::Object object = object_argument(info[1], "options");
    const auto one_of = [&](const char* name, const char* first, const char* second) {
      const std::string value = string_argument(object.Get(name), name);
      if (value != first && value != second) {
        throw make_error(info.Env(), "AOT_CONFIG",
                         std::string(name) + " must be '" + first + "' or '" + second + "', not '" + value + "'");
      }
      return value == second;
    };
    const int64_t batch_size = integer_argument(object.Get("batchSize"), "batchSize", 1, most_int32);
    SplitOptions split;
    split.split = one_of("split", "shuffled", "contiguous") ? Split::contiguous : Split::shuffled;
    split.valid_windows = integer_argument(object.Get("validWindows"), "validWindows", 0, most_exact);
    split.seed = static_cast<uint64_t>(integer_argument(object.Get("seed"), "seed", 0, most_exact));
    split.fast_scrambling = boolean_argument(object.Get("fastScrambling"), "fastScrambling");
    const Part part = one_of("part", "train", "valid") ? Part::valid : Part::train;
    return std::make_shared<BatchLoader>(store->store(), window_options(object.Get("windows")), part,
                                         static_cast<int>(batch_size), split);
  }

  template <class Get>
  Napi::Value number(const Napi::CallbackInfo& info, Get get) {
    return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), static_cast<double>(get(*loader()))); });
  }
  Napi::Value length(const Napi::CallbackInfo& info) {
    return number(info, [](const BatchLoader& loader) { return loader.length(); });
  }
  Napi::Value batches(const Napi::CallbackInfo& info) {
    return number(info, [](const BatchLoader& loader) { return loader.batches(); });
  }
  Napi::Value attn_length(const Napi::CallbackInfo& info) {
    return number(info, [](const BatchLoader& loader) { return loader.attn_length(); });
  }
  Napi::Value batch_size(const Napi::CallbackInfo& info) {
    return number(info, [](const BatchLoader& loader) { return loader.batch_size(); });
  }
  Napi::Value position(const Napi::CallbackInfo& info) {
    return number(info, [](const BatchLoader& loader) { return loader.position(); });
  }
  Napi::Value seek(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      loader()->seek(integer_argument(info[0], "batch", 0, most_exact));
      return info.Env().Undefined();
    });
  }
  Napi::Value next(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const Napi::Env env = info.Env();
      const Batch batch = loader()->next();
      Napi::Float64Array windows = Napi::Float64Array::New(env, batch.windows.size());
      std::copy(batch.windows.begin(), batch.windows.end(), windows.Data());
      Napi::Object object = Napi::Object::New(env);
      object.Set("inputs", to_int32_array(env, batch.inputs.data(), batch.inputs.size()));
      object.Set("targets", to_int32_array(env, batch.targets.data(), batch.targets.size()));
      object.Set("windows", windows);
      return object;
    });
  }
  // Whoever uses the loader in a running call keeps it; its thread ends now.
  Napi::Value close(const Napi::CallbackInfo& info) {
    if (loader_) loader_->close();
    loader_.reset();
    return info.Env().Undefined();
  }

  std::shared_ptr<BatchLoader> loader_;
};

}  // namespace

std::shared_ptr<BatchLoader> unwrap_batch_loader(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&loader_tag)) {
    throw make_error(value.Env(), "AOT_CONFIG", "loader must be a BatchLoader");
  }
  return BatchLoaderWrap::Unwrap(value.As<Napi::Object>())->loader();
}

void export_token_store(Napi::Env env, Napi::Object exports) {
  exports.Set("TokenStore", TokenStoreWrap::define(env));
  exports.Set("BatchLoader", BatchLoaderWrap::define(env));
  export_token_writer(env, exports);
}

}  // namespace aot::addon
