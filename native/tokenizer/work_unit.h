// defines: aot::WorkUnit, aot::UnitFolder, aot::for_each_unit, aot::digest_units
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tokenizer/text_stretch.h"
#include "tokenizer/work_control.h"

namespace aot {

// A share of a corpus that is worked on by itself: what is made of it depends on nothing else.
struct WorkUnit {
  int number;
  std::vector<TextStretch> stretches;
};

// Where the results of units are put: `<number, five digits>.<suffix>`. `plan` names the division of the corpus that
// they belong to.
struct UnitFolder {
  std::string path, plan;
  std::string file(int number, const std::string& suffix) const;
};

// Calls work(worker, unit) for all units, `threads` of them at once, in their order. The first exception ends it, after
// what the other threads are at, and is thrown again here.
void for_each_unit(const std::vector<WorkUnit>& units, int threads,
                   const std::function<void(int worker, const WorkUnit& unit)>& work);

// Of the bytes of each unit as they are stored. Errors as TextReader.
std::vector<std::string> digest_units(const std::vector<WorkUnit>& units, int threads, const WorkControl& control);

}  // namespace aot
