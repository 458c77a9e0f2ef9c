// defines: aot::environment, aot::library_files
#pragma once
#include <string>
#include <vector>

namespace aot {

// The variable's value; empty where it is not set.
std::string environment(const char* variable);

// Where one of NVIDIA's libraries may be: its names, for the loader to find, then files of these names in the CUDA
// toolkit and in Python's packages, which keep it in nvidia/<one of packages>/lib.
std::vector<std::string> library_files(const std::vector<std::string>& names, const std::vector<std::string>& packages);

}  // namespace aot
