// defines: aot::count_units, aot::train_counts, aot::train_char_counts
#pragma once
#include <string>
#include <vector>

#include "tokenizer/count_file.h"
#include "tokenizer/tokenize_folder.h"
#include "tokenizer/work_control.h"
#include "tokenizer/work_unit.h"

namespace aot {

// Counts the words, or characters, of units with `threads` threads, each unit to a file of its own (`<number>.counts`),
// so that memory is bounded whatever the text. The first error ends the work; what is finished stays. Errors as
// TextReader and AtomicFile.
void count_units(const std::vector<WorkUnit>& units, const UnitFolder& folder, CountKind kind, int threads,
                 const WorkControl& control);

// A tokenizer from files of counts, as train_files and train_char_files make it of the text. Memory grows with the
// distinct words. Errors as read_count_file; AOT_DATA when there is nothing.
TrainFilesResult train_counts(const std::vector<std::string>& files, const std::string& plan, int vocab_size,
                              const WorkControl& control);
TrainFilesResult train_char_counts(const std::vector<std::string>& files, const std::string& plan, bool unknown,
                                   const WorkControl& control);

}  // namespace aot
