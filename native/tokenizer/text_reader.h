// defines: aot::TextReport, aot::TextReader
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/chunk_cutter.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizer/work_control.h"

namespace aot {

// What was read so far.
struct TextReport {
  int64_t files = 0;
  int64_t bytes = 0;          // as stored
  int64_t invalid_bytes = 0;  // dropped: not UTF-8
  int64_t cut_pieces = 0;     // cut for being longer than max_piece_bytes
};

// A file opened for reading, by position; never mapped, because a mapped file that shrinks kills the process.
// Every error is AOT_IO and names the path.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  // Size when it is asked for. AOT_IO when it is not a regular file.
  int64_t size() const;
  // Reads up to `bytes` bytes at `offset`; fewer only at the file's end.
  size_t read(void* to, size_t bytes, int64_t offset) const;

 private:
  std::string path_;
  int fd_ = -1;
};

// Gives the cleaned text (TextCleaner) of files, one after the other, in chunks that can be worked on alone
// (ChunkCutter). A chunk never holds text of two files: each file is a text of its own. Memory is bounded by a few
// times the larger of chunk_bytes and max_piece_bytes, whatever the files hold.
class TextReader {
 public:
  static constexpr size_t default_chunk_bytes = 512 << 10;

  // `added_tokens` and `cut_at` as for ChunkCutter. Sets the total of `control` to the bytes of all files. AOT_IO when
  // one cannot be opened.
  TextReader(std::vector<std::string> files, std::vector<AddedToken> added_tokens, CutAt cut_at, size_t chunk_bytes,
             const WorkControl& control);

  // Replaces `chunk` by the next one, never empty; false at the end. AOT_IO when a file cannot be read.
  bool next(std::string& chunk);
  // The file that the last chunk is of.
  const std::string& file() const { return files_[static_cast<size_t>(report_.files - 1)]; }
  const TextReport& report() const { return report_; }

 private:
  bool open_next();
  void fill(size_t bytes);
  bool refill();

  const std::vector<std::string> files_;
  const size_t chunk_bytes_;
  const WorkControl control_;
  ChunkCutter cutter_;
  int64_t total_ = 0;
  TextReport report_;

  // The file being read, its bytes not cleaned yet, and its cleaned text not given yet.
  std::unique_ptr<InputFile> file_;
  TextCleaner cleaner_;
  int64_t offset_ = 0;
  std::vector<uint8_t> raw_;
  size_t raw_begin_ = 0, raw_end_ = 0;
  bool raw_last_ = false;   // the file has no more bytes than raw_ holds
  bool text_last_ = false;  // nor more text than view_ holds
  std::string view_;
};

}  // namespace aot
