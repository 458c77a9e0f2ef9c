// defines: aot::Profiler, aot::OpShare
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backend/backend.h"

namespace aot {

// What the calls of one op took together, of all lanes.
struct OpShare {
  int64_t calls = 0;
  double seconds = 0;           // by the device's clock
  double flops = 0, bytes = 0;  // by the table of ops
};

// Where the time of a pass goes: models are given its lanes in place of the backend's.
class Profiler {
 public:
  // The table must outlive it.
  Profiler(const ParameterTable& table, DType precision);
  ~Profiler();
  // A lane that does as `lane` does and notes when each op begins and ends. From any thread.
  Lane& wrap(Lane& lane);
  // Of the pass that is over, by the ops' names.
  std::map<std::string, OpShare> shares() const;

 private:
  const ParameterTable& table_;
  const DType precision_;
  std::mutex mutex_;
  std::map<Lane*, std::unique_ptr<class ProfiledLane>> lanes_;
};

}  // namespace aot
