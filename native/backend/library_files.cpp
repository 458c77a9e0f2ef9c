#include "backend/library_files.h"

#include <glob.h>

#include <cstdlib>

namespace aot {

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

std::vector<std::string> library_files(const std::vector<std::string>& names,
                                       const std::vector<std::string>& packages) {
  std::vector<std::string> patterns;
  const std::string cuda = environment("CUDA_HOME");
  if (!cuda.empty()) patterns.push_back(cuda + "/lib64");
  patterns.push_back("/usr/local/cuda/lib64");
  const auto add_python = [&](const std::string& root) {
    for (const char* kind : {"site-packages", "dist-packages"}) {
      for (const std::string& package : packages) {
        patterns.push_back(root + "/lib/python3*/" + kind + "/nvidia/" + package + "/lib");
      }
    }
  };
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string root = environment(name);
    if (root.empty()) continue;
    add_python(root);
    patterns.push_back(root + "/lib");
  }
  const std::string home = environment("HOME");
  if (!home.empty()) add_python(home + "/.local");
  add_python("/usr/local");
  add_python("/usr");

  std::vector<std::string> files = names;
  for (const std::string& pattern : patterns) {
    glob_t matches{};
    if (glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
      for (size_t i = 0; i < matches.gl_pathc; i++) {
        for (const std::string& name : names) files.push_back(std::string(matches.gl_pathv[i]) + "/" + name);
      }
    }
    globfree(&matches);
  }
  return files;
}

}  // namespace aot
