// defines: aot::TextReport, aot::TextReader
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/digest.h"
#include "io/input_file.h"
#include "tokenizer/chunk_cutter.h"
#include "tokenizer/text_cleaner.h"
#include "tokenizer/text_stretch.h"
#include "tokenizer/work_control.h"

namespace aot {

// What was read so far.
struct TextReport {
  int64_t files = 0;          // or stretches
  int64_t bytes = 0;          // as stored
  int64_t invalid_bytes = 0;  // dropped: not UTF-8
  int64_t cut_pieces = 0;     // cut for being longer than max_piece_bytes
};

// Gives the cleaned text (TextCleaner) of stretches of files, one after the other, in chunks that can be worked on
// alone (ChunkCutter). A chunk never holds text of two stretches: each is a text of its own. Memory is bounded by a few
// times the larger of chunk_bytes and max_piece_bytes, whatever the files hold.
class TextReader {
 public:
  static constexpr size_t default_chunk_bytes = 512 << 10;

  // `added_tokens` and `cut_at` as for ChunkCutter. Adds what it reads to the progress of `control`, and to `digest`
  // if that is given.
  TextReader(std::vector<TextStretch> stretches, std::vector<AddedToken> added_tokens, CutAt cut_at, size_t chunk_bytes,
             const WorkControl& control, Digest* digest = nullptr);

  // Replaces `chunk` by the next one, never empty; false at the end. AOT_IO when a file cannot be read, AOT_DATA when
  // it is not as it was planned or changes while it is read.
  bool next(std::string& chunk);
  // The file that the last chunk is of.
  const std::string& file() const { return stretch().path; }
  const TextReport& report() const { return report_; }

 private:
  const TextStretch& stretch() const { return stretches_[static_cast<size_t>(report_.files - 1)]; }
  bool open_next();
  void close();
  void fill(size_t bytes);
  bool refill();

  const std::vector<TextStretch> stretches_;
  const size_t chunk_bytes_;
  const WorkControl control_;
  Digest* const digest_;
  ChunkCutter cutter_;
  TextReport report_;

  // The file being read, its bytes not cleaned yet, and its cleaned text not given yet.
  std::unique_ptr<InputFile> file_;
  InputFile::State state_{};  // when it was opened
  TextCleaner cleaner_;
  int64_t offset_ = 0;
  std::vector<uint8_t> raw_;
  size_t raw_begin_ = 0, raw_end_ = 0;
  bool raw_last_ = false;   // the stretch has no more bytes than raw_ holds
  bool text_last_ = false;  // nor more text than view_ holds
  std::string view_;
};

}  // namespace aot
