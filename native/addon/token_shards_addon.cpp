// writeVirtual, checkShards and mergeShards, as ts/native_shards.ts types it.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "addon/addon.h"
#include "addon/work_addon.h"
#include "data/shard_check.h"
#include "data/shard_list.h"
#include "data/shard_merge.h"

namespace aot::addon {
namespace {

constexpr int64_t most_exact = int64_t{1} << 53;

TokenDType dtype_option(const Napi::Object& options) {
  const std::string dtype = string_argument(options.Get("dtype"), "dtype");
  if (dtype == "int32") return TokenDType::int32;
  if (dtype == "uint16") return TokenDType::uint16;
  throw make_error(options.Env(), "AOT_CONFIG", "dtype must be 'int32' or 'uint16', not '" + dtype + "'");
}

ShardList list_arguments(const Napi::Value& shards, const Napi::Value& options_value) {
  if (!shards.IsArray()) throw make_error(shards.Env(), "AOT_CONFIG", "shards must be an array");
  const Napi::Object options = object_argument(options_value, "options");
  ShardList list;
  list.dtype = dtype_option(options);
  if (const Napi::Value size = optional_value(options, "vocabSize"); is_given(size)) {
    list.vocab_size = integer_argument(size, "vocabSize", 1, int64_t{1} << 31);
  }
  const Napi::Array array = shards.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(shards.Env());
    const Napi::Object one = object_argument(array.Get(i), "each of shards");
    Shard shard;
    shard.file = string_argument(one.Get("file"), "file");
    shard.tokens = integer_argument(one.Get("tokens"), "tokens", 0, most_exact);
    shard.bytes = integer_argument(one.Get("bytes"), "bytes", 1, most_exact);
    shard.header = string_argument(one.Get("header"), "header");
    shard.data = string_argument(one.Get("data"), "data");
    list.shards.push_back(std::move(shard));
  }
  return list;
}

Napi::Value write(const Napi::CallbackInfo& info) {
  return run_async(
      info.Env(),
      [path = string_argument(info[0], "path"), list = list_arguments(info[1], info[2])] {
        write_virtual(path, list);
        return true;
      },
      [](Napi::Env env, bool) -> Napi::Value { return env.Undefined(); });
}

Napi::Value check(const Napi::CallbackInfo& info) {
  std::string folder = string_argument(info[0], "folder");
  const int threads = threads_option(object_argument(info[2], "options"));
  const Control control = control_argument(info[3]);
  return run_async(
      info.Env(),
      [=, path = std::move(folder) + "/", list = list_arguments(info[1], info[2]), control = control.work] {
        return check_shards(path, list, threads, control);
      },
      [](Napi::Env env, const std::vector<std::string>& faults) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, faults.size());
        for (uint32_t i = 0; i < faults.size(); i++) {
          array.Set(i, faults[i].empty() ? env.Null() : Napi::Value(Napi::String::New(env, faults[i])));
        }
        return array;
      },
      control.keep);
}

Napi::Value merge(const Napi::CallbackInfo& info) {
  std::string path = string_argument(info[0], "virtual"), out = string_argument(info[1], "out");
  const Napi::Object options = object_argument(info[2], "options");
  MergeOptions merge_options;
  merge_options.threads = threads_option(options);
  // For tests: how much is written between two notes.
  if (const Napi::Value bytes = optional_value(options, "noteBytes"); is_given(bytes)) {
    merge_options.note_bytes = integer_argument(bytes, "noteBytes", 1, most_exact);
  }
  const Control control = control_argument(info[3]);
  return run_async(
      info.Env(),
      [=, path = std::move(path), out = std::move(out), control = control.work] {
        return merge_shards(path, out, merge_options, control);
      },
      [](Napi::Env env, const MergeResult& merged) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("tokens", static_cast<double>(merged.tokens));
        result.Set("resumedAt", static_cast<double>(merged.resumed_at));
        return result;
      },
      control.keep);
}

}  // namespace

void export_token_shards(Napi::Env env, Napi::Object exports) {
  exports.Set("writeVirtual", Napi::Function::New(env, write, "writeVirtual"));
  exports.Set("mergeShards", Napi::Function::New(env, merge, "mergeShards"));
  exports.Set("checkShards", Napi::Function::New(env, check, "checkShards"));
}

}  // namespace aot::addon
