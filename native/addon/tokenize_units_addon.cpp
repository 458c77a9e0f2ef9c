// A corpus in work units, as ts/native_units.ts types it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "addon/addon.h"
#include "addon/tokenizer_addon.h"
#include "addon/work_addon.h"
#include "io/digest.h"
#include "tokenizer/count_units.h"
#include "tokenizer/encode_units.h"
#include "tokenizer/unit_cut.h"
#include "tokenizer/work_unit.h"

namespace aot::addon {
namespace {

constexpr int64_t most_exact = int64_t{1} << 53;

bool choice(const Napi::Value& value, const char* name, const char* first, const char* second) {
  const std::string given = string_argument(value, name);
  if (given != first && given != second) {
    throw make_error(value.Env(), "AOT_CONFIG",
                     std::string(name) + " must be '" + first + "' or '" + second + "', not '" + given + "'");
  }
  return given == second;
}

template <class Item, class Read>
std::vector<Item> list_argument(const Napi::Value& value, const char* name, Read read) {
  if (!value.IsArray()) throw make_error(value.Env(), "AOT_CONFIG", std::string(name) + " must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<Item> items;
  items.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    items.push_back(read(object_argument(array.Get(i), name)));
  }
  return items;
}

TextStretch stretch_argument(const Napi::Object& object) {
  TextStretch stretch;
  stretch.path = string_argument(object.Get("file"), "file");
  stretch.file_size = integer_argument(object.Get("size"), "size", 0, most_exact);
  stretch.begin = integer_argument(object.Get("begin"), "begin", 0, stretch.file_size);
  stretch.end = integer_argument(object.Get("end"), "end", stretch.begin, stretch.file_size);
  return stretch;
}

std::vector<WorkUnit> units_argument(const Napi::Value& value) {
  return list_argument<WorkUnit>(value, "units", [](const Napi::Object& object) {
    return WorkUnit{static_cast<int>(integer_argument(object.Get("number"), "number", 0, INT32_MAX)),
                    list_argument<TextStretch>(object.Get("stretches"), "stretches", stretch_argument)};
  });
}

UnitFolder folder_option(const Napi::Object& options) {
  return {string_argument(options.Get("folder"), "folder"), string_argument(options.Get("plan"), "plan")};
}

// Added tokens and places of cuts of a tokenizer, or of the trainer.
UnitCutter cutter_argument(const Napi::Value& tokenizer, const Napi::Value& cut_at) {
  if (is_given(tokenizer)) {
    const auto model = TokenizerWrap::unwrap(tokenizer);
    return UnitCutter(model->parts().added_tokens, model->cut_at());
  }
  const bool characters = is_given(cut_at) && choice(cut_at, "cutAt", "pieces", "characters");
  return UnitCutter({}, characters ? CutAt::characters : CutAt::pieces);
}

Napi::Value find_cuts(const Napi::CallbackInfo& info) {
  const Napi::Object options = object_argument(info[2], "options");
  UnitCutter cutter = cutter_argument(info[0], optional_value(options, "cutAt"));
  auto requests = list_argument<CutRequest>(info[1], "requests", [](const Napi::Object& object) {
    CutRequest request;
    request.path = string_argument(object.Get("file"), "file");
    request.size = integer_argument(object.Get("size"), "size", 0, most_exact);
    request.at = integer_argument(object.Get("at"), "at", 1, most_exact);
    return request;
  });
  const int threads = threads_option(options);
  const Control control = control_argument(info[3]);
  return run_async(
      info.Env(),
      [=, cutter = std::move(cutter), requests = std::move(requests), control = control.work] {
        return find_cuts(cutter, requests, threads, control);
      },
      [](Napi::Env env, const std::vector<int64_t>& cuts) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, cuts.size());
        for (uint32_t i = 0; i < cuts.size(); i++) array.Set(i, static_cast<double>(cuts[i]));
        return array;
      },
      control.keep);
}

std::string_view bytes_argument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw make_error(value.Env(), "AOT_CONFIG", std::string(name) + " must be a Uint8Array");
  }
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ByteLength()};
}

Napi::Value safe_cuts(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    const UnitCutter cutter = cutter_argument(info[0], info[2]);
    const std::string_view bytes = bytes_argument(info[1], "bytes");
    Napi::Array places = Napi::Array::New(info.Env());
    for (size_t at = 1; at < bytes.size(); at++) {
      if (cutter.may_cut(bytes, at)) places.Set(places.Length(), static_cast<double>(at));
    }
    return places;
  });
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  auto model = TokenizerWrap::unwrap(info[0]);
  auto units = units_argument(info[1]);
  const Napi::Object options = object_argument(info[2], "options");
  const UnitFolder folder = folder_option(options);
  const Napi::Value single = optional_value(options, "single");
  const std::string file = is_given(single) ? string_argument(single, "single") : "";
  const TokenDType dtype =
      choice(options.Get("dtype"), "dtype", "int32", "uint16") ? TokenDType::uint16 : TokenDType::int32;
  const int threads = threads_option(options);
  const Control control = control_argument(info[3]);
  return run_async(
      info.Env(),
      [=, units = std::move(units), control = control.work] {
        encode_units(model, units, folder, file, dtype, threads, control);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); }, control.keep);
}

Napi::Value count(const Napi::CallbackInfo& info) {
  auto units = units_argument(info[0]);
  const Napi::Object options = object_argument(info[1], "options");
  const UnitFolder folder = folder_option(options);
  const CountKind kind =
      choice(options.Get("kind"), "kind", "words", "characters") ? CountKind::characters : CountKind::words;
  const int threads = threads_option(options);
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, units = std::move(units), control = control.work] {
        count_units(units, folder, kind, threads, control);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); }, control.keep);
}

Napi::Value check_counts(const Napi::CallbackInfo& info) {
  std::string path = string_argument(info[0], "path"), plan = string_argument(info[1], "plan");
  return run_async(
      info.Env(), [path = std::move(path), plan = std::move(plan)] { return read_count_file(path, plan); },
      [](Napi::Env env, const CountSummary& summary) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("unit", summary.unit);
        result.Set("text", report_object(env, summary.text));
        result.Set("occurrences", static_cast<double>(summary.occurrences));
        return result;
      });
}

Napi::Value train_counts(const Napi::CallbackInfo& info) {
  std::vector<std::string> paths = paths_argument(info[0], "paths");
  const Napi::Object options = object_argument(info[1], "options");
  std::string plan = string_argument(options.Get("plan"), "plan");
  const int vocab_size = vocab_size_option(options);
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, paths = std::move(paths), plan = std::move(plan), control = control.work] {
        return aot::train_counts(paths, plan, vocab_size, control);
      },
      trained_object, control.keep);
}

Napi::Value train_char_counts(const Napi::CallbackInfo& info) {
  std::vector<std::string> paths = paths_argument(info[0], "paths");
  const Napi::Object options = object_argument(info[1], "options");
  std::string plan = string_argument(options.Get("plan"), "plan");
  const bool unknown = boolean_argument(options.Get("unknown"), "unknown");
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, paths = std::move(paths), plan = std::move(plan), control = control.work] {
        return aot::train_char_counts(paths, plan, unknown, control);
      },
      trained_object, control.keep);
}

Napi::Value digest_units(const Napi::CallbackInfo& info) {
  auto units = units_argument(info[0]);
  const int threads = threads_option(object_argument(info[1], "options"));
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, units = std::move(units), control = control.work] { return aot::digest_units(units, threads, control); },
      [](Napi::Env env, const std::vector<std::string>& digests) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, digests.size());
        for (uint32_t i = 0; i < digests.size(); i++) array.Set(i, digests[i]);
        return array;
      },
      control.keep);
}

Napi::Value digest(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    const std::string hex =
        info[0].IsString() ? digest_of(string_argument(info[0], "bytes")) : digest_of(bytes_argument(info[0], "bytes"));
    return Napi::String::New(info.Env(), hex);
  });
}

}  // namespace

void export_tokenize_units(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("findCuts", find_cuts);
  add("safeCuts", safe_cuts);
  add("encodeUnits", encode);
  add("countUnits", count);
  add("checkCounts", check_counts);
  add("trainCounts", train_counts);
  add("trainCharCounts", train_char_counts);
  add("digestUnits", digest_units);
  add("digestOf", digest);
}

}  // namespace aot::addon
