// defines: aot::addon::Control, and what the long calls on text share
#pragma once
#include <string>
#include <vector>

#include "addon/addon.h"
#include "tokenizer/text_reader.h"
#include "tokenizer/tokenize_folder.h"
#include "tokenizer/work_control.h"

namespace aot::addon {

// The typed arrays of a NativeControl; `keep` holds them while the work runs.
struct Control {
  WorkControl work;
  std::vector<Napi::Object> keep;
};

Control control_argument(const Napi::Value& value);

// An array of at least one path; `name` is the argument's.
std::vector<std::string> paths_argument(const Napi::Value& value, const char* name);
// options.threads
int threads_option(const Napi::Object& options);
// 256 bytes and <|endoftext|> at least.
int vocab_size_option(const Napi::Object& options);

Napi::Object report_object(Napi::Env env, const TextReport& report);
Napi::Value trained_object(Napi::Env env, const TrainFilesResult& trained);

}  // namespace aot::addon
