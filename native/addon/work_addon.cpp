#include "addon/work_addon.h"

#include <cstdint>

#include "addon/tokenizer_addon.h"

namespace aot::addon {
namespace {

constexpr int64_t most_threads = 1024;

}  // namespace

Control control_argument(const Napi::Value& value) {
  const Napi::Object control = object_argument(value, "control");
  const Napi::Value progress = control.Get("progress"), stop = control.Get("stop");
  if (!progress.IsTypedArray() || progress.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      progress.As<Napi::TypedArray>().ElementLength() < 4) {
    throw make_error(value.Env(), "AOT_CONFIG", "control.progress must be a Float64Array of 4");
  }
  if (int32_argument(stop, "control.stop").ElementLength() < 1) {
    throw make_error(value.Env(), "AOT_CONFIG", "control.stop must be an Int32Array of 1");
  }
  return {WorkControl(progress.As<Napi::Float64Array>().Data(), stop.As<Napi::Int32Array>().Data()),
          {progress.As<Napi::Object>(), stop.As<Napi::Object>()}};
}

std::vector<std::string> paths_argument(const Napi::Value& value, const char* name) {
  const auto bad = [&] {
    return make_error(value.Env(), "AOT_CONFIG", std::string(name) + " must be an array of at least one path");
  };
  if (!value.IsArray() || value.As<Napi::Array>().Length() == 0) throw bad();
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> files;
  for (uint32_t index = 0; index < array.Length(); index++) {
    const Napi::HandleScope scope(value.Env());
    files.push_back(string_argument(array.Get(index), (std::string("each of ") + name).c_str()));
    if (files.back().empty()) throw bad();
  }
  return files;
}

int threads_option(const Napi::Object& options) {
  return static_cast<int>(integer_argument(options.Get("threads"), "threads", 1, most_threads));
}

int vocab_size_option(const Napi::Object& options) {
  return static_cast<int>(integer_argument(options.Get("vocabSize"), "vocabSize", 257, INT32_MAX));
}

Napi::Object report_object(Napi::Env env, const TextReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("files", static_cast<double>(report.files));
  object.Set("bytes", static_cast<double>(report.bytes));
  object.Set("invalidBytes", static_cast<double>(report.invalid_bytes));
  object.Set("cutPieces", static_cast<double>(report.cut_pieces));
  return object;
}

Napi::Value trained_object(Napi::Env env, const TrainFilesResult& trained) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("tokenizer", TokenizerWrap::wrap(env, trained.model));
  result.Set("text", report_object(env, trained.text));
  result.Set("words", static_cast<double>(trained.words));
  result.Set("occurrences", static_cast<double>(trained.occurrences));
  return result;
}

}  // namespace aot::addon
