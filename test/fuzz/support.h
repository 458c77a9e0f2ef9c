// defines: aot::fuzz::require, aot::fuzz::valid_utf8, aot::fuzz::Random, aot::fuzz::Folder, aot::fuzz::pieces_of
#pragma once
#include <fuzzer/FuzzedDataProvider.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/pretokenize.h"
#include "tokenizer/text_cleaner.h"

namespace aot::fuzz {

// The targets' check: libFuzzer reports the abort as a crash and keeps the input.
inline void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();
}

// The well-formed characters of the bytes: most texts of the engine are valid UTF-8 by contract.
inline std::string valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const int length = utf8_character(reinterpret_cast<const uint8_t*>(bytes.data()) + at, bytes.size() - at);
    if (length > 0) text.append(bytes, at, static_cast<size_t>(length));
    at += length > 0 ? static_cast<size_t>(length) : 1;
  }
  return text;
}

// Numbers out of one seed, where taking them from the input would eat up the text.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}
  size_t below(size_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state_ >> 33) % bound;
  }

 private:
  uint64_t state_;
};

// Where the pieces of a text start, then its size. The arrays are just as large as the contract demands, so that the
// sanitizer sees whatever goes past.
inline std::vector<uint32_t> pieces_of(std::string_view text, Pretokenizer pretokenizer = pretokenize_scalar) {
  std::vector<uint8_t> padded(text.size() + pretokenize_padding, ' ');
  std::copy(text.begin(), text.end(), padded.begin());
  std::vector<uint32_t> starts(text.size() + pretokenize_padding);
  const size_t pieces = pretokenizer(padded.data(), text.size(), starts.data());
  require(pieces <= text.size(), "no piece is empty");
  starts.resize(pieces + 1);
  return starts;
}

// A folder in memory where there is one, removed at the end.
class Folder {
 public:
  Folder() {
    std::error_code error;
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = std::filesystem::is_directory(memory, error);
    path_ = (in_memory ? memory : std::filesystem::temp_directory_path()) / "aot-fuzz-XXXXXX";
    require(::mkdtemp(path_.data()) != nullptr, "a temporary folder can be made");
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  void write(std::string_view name, std::string_view content) const {
    std::ofstream stream(file(name), std::ios::binary | std::ios::trunc);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    require(stream.flush().good(), "the temporary folder can be written");
  }
  void remove_files() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) std::filesystem::remove_all(entry.path());
  }

 private:
  std::string path_;
};

}  // namespace aot::fuzz
