// trainFiles, encodeFiles and reverseFile: from files of text to a tokenizer and to tokens.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/tokenizer_addon.h"
#include "tokenizer/reverse_text.h"
#include "tokenizer/tokenize_folder.h"
#include "tokenizer/work_control.h"

namespace aot::addon {
namespace {

constexpr int64_t most_threads = 1024;

// The typed arrays of a NativeControl; `keep` holds them while the work runs.
struct Control {
  WorkControl work;
  std::vector<Napi::Object> keep;
};

Control control_argument(const Napi::Value& value) {
  const Napi::Object control = object_argument(value, "control");
  const Napi::Value progress = control.Get("progress"), stop = control.Get("stop");
  if (!progress.IsTypedArray() || progress.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      progress.As<Napi::TypedArray>().ElementLength() < 2) {
    throw make_error(value.Env(), "AOT_CONFIG", "control.progress must be a Float64Array of 2");
  }
  if (int32_argument(stop, "control.stop").ElementLength() < 1) {
    throw make_error(value.Env(), "AOT_CONFIG", "control.stop must be an Int32Array of 1");
  }
  return {WorkControl(progress.As<Napi::Float64Array>().Data(), stop.As<Napi::Int32Array>().Data()),
          {progress.As<Napi::Object>(), stop.As<Napi::Object>()}};
}

std::vector<std::string> files_argument(const Napi::Value& value) {
  const auto bad = [&] { return make_error(value.Env(), "AOT_CONFIG", "files must be an array of at least one path"); };
  if (!value.IsArray() || value.As<Napi::Array>().Length() == 0) throw bad();
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> files;
  for (uint32_t index = 0; index < array.Length(); index++) {
    const Napi::HandleScope scope(value.Env());
    files.push_back(string_argument(array.Get(index), "each of files"));
    if (files.back().empty()) throw bad();
  }
  return files;
}

int threads_option(const Napi::Object& options) {
  return static_cast<int>(integer_argument(options.Get("threads"), "threads", 1, most_threads));
}

// For tests: how much text is cleaned and cut at a time.
size_t chunk_bytes_option(const Napi::Object& options) {
  const Napi::Value value = optional_value(options, "chunkBytes");
  if (!is_given(value)) return TextReader::default_chunk_bytes;
  return static_cast<size_t>(integer_argument(value, "chunkBytes", 1, int64_t{1} << 30));
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

Napi::Value train(const Napi::CallbackInfo& info) {
  std::vector<std::string> files = files_argument(info[0]);
  const Napi::Object options = object_argument(info[1], "options");
  // 256 bytes and <|endoftext|>.
  const int vocab_size = static_cast<int>(integer_argument(options.Get("vocabSize"), "vocabSize", 257, INT32_MAX));
  const int threads = threads_option(options);
  const size_t chunk_bytes = chunk_bytes_option(options);
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, files = std::move(files), control = control.work] {
        return train_files(files, vocab_size, threads, control, chunk_bytes);
      },
      trained_object, control.keep);
}

Napi::Value train_char(const Napi::CallbackInfo& info) {
  std::vector<std::string> files = files_argument(info[0]);
  const Napi::Object options = object_argument(info[1], "options");
  const bool unknown = boolean_argument(options.Get("unknown"), "unknown");
  const int threads = threads_option(options);
  const size_t chunk_bytes = chunk_bytes_option(options);
  const Control control = control_argument(info[2]);
  return run_async(
      info.Env(),
      [=, files = std::move(files), control = control.work] {
        return train_char_files(files, unknown, threads, control, chunk_bytes);
      },
      trained_object, control.keep);
}

std::optional<TokenDType> dtype_option(const Napi::Object& options) {
  const std::string dtype = string_argument(options.Get("dtype"), "dtype");
  if (dtype == "auto") return std::nullopt;
  if (dtype == "int32") return TokenDType::int32;
  if (dtype == "uint16") return TokenDType::uint16;
  throw make_error(options.Env(), "AOT_CONFIG", "dtype must be 'auto', 'int32' or 'uint16'");
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  auto model = TokenizerWrap::unwrap(info[0]);
  std::vector<std::string> files = files_argument(info[1]);
  std::string out = string_argument(info[2], "out");
  const Napi::Object options = object_argument(info[3], "options");
  const int threads = threads_option(options);
  const auto dtype = dtype_option(options);
  const size_t chunk_bytes = chunk_bytes_option(options);
  const Control control = control_argument(info[4]);
  return run_async(
      info.Env(),
      [=, model = std::move(model), files = std::move(files), out = std::move(out), control = control.work] {
        return encode_files(model, files, out, threads, dtype, control, chunk_bytes);
      },
      [](Napi::Env env, const EncodeFilesResult& encoded) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("text", report_object(env, encoded.text));
        result.Set("tokens", static_cast<double>(encoded.tokens));
        result.Set("dtype", encoded.dtype == TokenDType::uint16 ? "uint16" : "int32");
        return result;
      },
      control.keep);
}

Napi::Value reverse(const Napi::CallbackInfo& info) {
  std::string file = string_argument(info[0], "file"), out = string_argument(info[1], "out");
  const Control control = control_argument(info[2]);
  // For tests: how much text is reversed at a time.
  std::optional<size_t> block_bytes;
  if (is_given(info[3])) {
    block_bytes = static_cast<size_t>(integer_argument(info[3], "blockBytes", 1, int64_t{1} << 30));
  }
  return run_async(
      info.Env(),
      [=, file = std::move(file), out = std::move(out), control = control.work] {
        return block_bytes ? reverse_text(file, out, control, *block_bytes) : reverse_text(file, out, control);
      },
      report_object, control.keep);
}

}  // namespace

void export_tokenize_folder(Napi::Env env, Napi::Object exports) {
  exports.Set("trainFiles", Napi::Function::New(env, train, "trainFiles"));
  exports.Set("trainCharFiles", Napi::Function::New(env, train_char, "trainCharFiles"));
  exports.Set("encodeFiles", Napi::Function::New(env, encode, "encodeFiles"));
  exports.Set("reverseFile", Napi::Function::New(env, reverse, "reverseFile"));
}

}  // namespace aot::addon
