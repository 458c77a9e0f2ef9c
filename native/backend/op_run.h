// defines: aot::run_op, aot::time_op, aot::OpTimes
//
// An op on its own, for tests and benchmarks: a backend is made for it, with the op's parameters.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "backend/op_table.h"

namespace aot {

// Runs an op once. One vector of values for each input, in the table's order; the outputs by name. Throws AOT_CONFIG
// for values that do not fit the shape.
std::map<std::string, std::vector<float>> run_op(const Op& op, const std::string& device,
                                                 BackendOptions backend_options, const OpShape& shape,
                                                 const std::vector<std::vector<float>>& inputs,
                                                 const OpOptions& options);

struct OpTimes {
  std::vector<double> seconds;  // of each repeat
  std::string device;           // the backend's description
};

// Runs an op on values of its own making again and again for about `budget` seconds, from 5 to 300 times, and gives the
// time of each repeat as the device's clock has it: where several lanes share the batch, that of the busiest. Before
// each, what the op changes in place is made anew and a GPU's cache is flushed; the first repeats do not count.
OpTimes time_op(const Op& op, const std::string& device, BackendOptions backend_options, const OpShape& shape,
                const OpOptions& options, double budget);

}  // namespace aot
