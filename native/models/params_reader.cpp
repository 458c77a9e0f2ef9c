#include "models/params_reader.h"

#include <cmath>
#include <sstream>

#include "backend/error.h"

namespace aot {
namespace {

std::string text(double value) {
  std::ostringstream out;
  out.precision(15);
  out << value;
  return out.str();
}

}  // namespace

std::optional<double> ParamsReader::find(const std::string& key) {
  const auto at = given_.find(key);
  return at == given_.end() ? std::nullopt : at->second;
}

int ParamsReader::integer(const std::string& key, int64_t least, int64_t most, std::optional<int> fallback) {
  std::optional<double> value = find(key);
  if (!value && fallback) value = *fallback;
  if (!value) fail(ErrorCode::config, "model_params." + key + " is missing: give it");
  if (!(*value >= static_cast<double>(least) && *value <= static_cast<double>(most)) || *value != std::floor(*value)) {
    fail(ErrorCode::config, "model_params." + key + " must be a whole number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ", not " + text(*value));
  }
  resolved_[key] = *value;
  return static_cast<int>(*value);
}

double ParamsReader::number(const std::string& key, double least, double most, double fallback) {
  const double value = find(key).value_or(fallback);
  if (!(value >= least && value <= most)) {
    fail(ErrorCode::config,
         "model_params." + key + " must be from " + text(least) + " to " + text(most) + ", not " + text(value));
  }
  resolved_[key] = value;
  return value;
}

float ParamsReader::rate(const std::string& key, double fallback) {
  const double value = find(key).value_or(fallback);
  // The largest rate whose fp32 value is still below 1 after rounding.
  if (!(value >= 0 && static_cast<float>(value) < 1)) {
    fail(ErrorCode::config, "model_params." + key + " must be a rate from 0 to below 1, not " + text(value));
  }
  resolved_[key] = value;
  return static_cast<float>(value);
}

float ParamsReader::rate_or_null(const std::string& key, float other) {
  if (find(key)) return rate(key, 0);
  resolved_[key] = std::nullopt;
  return other;
}

ModelParams ParamsReader::finish() const {
  for (const auto& [key, value] : given_) {
    if (!resolved_.contains(key)) {
      std::string known;
      for (const auto& [name, unused] : resolved_) known += (known.empty() ? "" : ", ") + name;
      fail(ErrorCode::config, "model_params." + key + " is not known: the keys are " + known);
    }
  }
  return resolved_;
}

}  // namespace aot
