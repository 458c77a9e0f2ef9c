// trainFiles, encodeFiles and reverseFile: from files of text to a tokenizer and to tokens.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/tokenizer_addon.h"
#include "addon/work_addon.h"
#include "tokenizer/reverse_text.h"
#include "tokenizer/tokenize_folder.h"
#include "tokenizer/work_control.h"

namespace aot::addon {
namespace {

// For tests: how much text is cleaned and cut at a time.
size_t chunk_bytes_option(const Napi::Object& options) {
  const Napi::Value value = optional_value(options, "chunkBytes");
  if (!is_given(value)) return TextReader::default_chunk_bytes;
  return static_cast<size_t>(integer_argument(value, "chunkBytes", 1, int64_t{1} << 30));
}

Napi::Value train(const Napi::CallbackInfo& info) {
  std::vector<std::string> files = paths_argument(info[0], "files");
  const Napi::Object options = object_argument(info[1], "options");
  const int vocab_size = vocab_size_option(options);
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
  std::vector<std::string> files = paths_argument(info[0], "files");
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
  std::vector<std::string> files = paths_argument(info[1], "files");
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
