#include <algorithm>
#include <cmath>
#include <numbers>

#include "backend/rng.h"
#include "models/model.h"

namespace aot {
namespace {

// In (0, 1).
double unit(uint32_t word) { return (word + 0.5) / 4294967296.0; }

}  // namespace

std::vector<float> initial_values(const ParameterTable& table, ParameterId id, uint64_t seed, int64_t begin,
                                  int64_t count) {
  const Parameter& parameter = table[id];
  const auto size = static_cast<size_t>(count);
  std::vector<float> values(size, parameter.init.scale);
  if (parameter.init.kind == Init::Kind::constant) return values;
  const uint32_t site = init_site | static_cast<uint32_t>(id);
  for (size_t first = 0; first < size; first += 4) {
    const uint64_t block = (static_cast<uint64_t>(begin) + first) / 4;
    const PhiloxBlock words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, site}, seed);
    double made[4];
    if (parameter.init.kind == Init::Kind::uniform) {
      for (int i = 0; i < 4; i++) made[i] = 2 * unit(words[i]) - 1;
    } else {
      for (int i = 0; i < 4; i += 2) {
        const double radius = std::sqrt(-2 * std::log(unit(words[i]))),
                     angle = 2 * std::numbers::pi * unit(words[i + 1]);
        made[i] = radius * std::cos(angle);
        made[i + 1] = radius * std::sin(angle);
      }
    }
    for (size_t i = first; i < std::min(first + 4, size); i++) {
      values[i] = static_cast<float>(made[i - first] * parameter.init.scale);
    }
  }
  return values;
}

}  // namespace aot
