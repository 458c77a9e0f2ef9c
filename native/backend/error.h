// defines: aot::ErrorCode, aot::Error, aot::fail
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace aot {

// What went wrong, for the person who has to act on it. The addon turns it into an AotError with `.code`.
enum class ErrorCode {
  config,   // AOT_CONFIG: an option, a config key or an argument
  data,     // AOT_DATA: the content of a corpus, a token file, a tokenizer or a checkpoint
  device,   // AOT_DEVICE: a device that is absent or cannot do what is asked
  memory,   // AOT_MEMORY: an allocation that failed
  io,       // AOT_IO: a file that cannot be opened, read or written
  numeric,  // AOT_NUMERIC: a non-finite loss or gradient
  internal  // AOT_INTERNAL: a mistake of ours
};

inline const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::config:
      return "AOT_CONFIG";
    case ErrorCode::data:
      return "AOT_DATA";
    case ErrorCode::device:
      return "AOT_DEVICE";
    case ErrorCode::memory:
      return "AOT_MEMORY";
    case ErrorCode::io:
      return "AOT_IO";
    case ErrorCode::numeric:
      return "AOT_NUMERIC";
    case ErrorCode::internal:
      return "AOT_INTERNAL";
  }
  return "AOT_INTERNAL";
}

// The one exception type of the native code. The message is one line: what is wrong, where, and the cure.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

[[noreturn]] inline void fail(ErrorCode code, const std::string& message) { throw Error(code, message); }

}  // namespace aot
