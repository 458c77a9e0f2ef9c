// defines: aot::UnitCutter, aot::CutRequest, aot::find_cuts
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/input_file.h"
#include "tokenizer/chunk_cutter.h"
#include "tokenizer/work_control.h"

namespace aot {

// Says where a file may be cut into work units, looking only at the bytes around the cut: what a tokenizer makes of the
// two parts, one after the other, is what it makes of the whole.
//
// The cut lies between two well-formed characters x and y that follow each other in the file.
// - Cleaning (TextCleaner): a lead byte is never part of another character, so x and y are found whatever stands before
//   them, and nothing is dropped between them; x is no CR, whose LF could follow.
// - Pieces: x is no white space, x and y are of different classes, and not (apostrophe, letter): the boundary that
//   last_safe_cut proves. As a piece ends there in the whole text too, so does what is cut for being too long.
// - Added tokens: none stands across the cut, or takes white space after it; both sides are cleaned as far as the
//   longest token reaches, and where that is not enough to tell, the cut is not taken.
class UnitCutter {
 public:
  // As ChunkCutter.
  UnitCutter(std::vector<AddedToken> added_tokens, CutAt cut_at);

  // The first cut at `at` (0 < at <= size) or after it; `size`, the file's, when there is none. AOT_IO when it cannot
  // be read.
  int64_t find(const InputFile& file, int64_t at, int64_t size) const;
  // Whether `bytes`, a whole file's, may be cut before place `at`.
  bool may_cut(std::string_view bytes, size_t at) const;

 private:
  // The same for a part of a file; first, last: it holds the file's start, its end.
  bool may_cut(std::string_view bytes, size_t at, bool first, bool last) const;
  bool clear_of_added_tokens(std::string_view bytes, size_t at, bool first, bool last) const;

  const CutAt cut_at_;
  ChunkCutter cutter_;
  size_t reach_;  // bytes around a cut that are looked at for added tokens
};

// Asks for the first cut of a file at `at` (0 < at <= size) or after it.
struct CutRequest {
  std::string path;
  int64_t at, size;
};

// The answer to each, as UnitCutter::find. Requests for one file follow each other in ascending order. A file without a
// cut is read through once, however many are asked for.
std::vector<int64_t> find_cuts(const UnitCutter& cutter, const std::vector<CutRequest>& requests, int threads,
                               const WorkControl& control);

}  // namespace aot
