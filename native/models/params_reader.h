// defines: aot::ParamsReader
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "models/model.h"

namespace aot {

// Takes the keys of `model_params` one by one, each checked, and keeps them as resolved. Every error is AOT_CONFIG and
// names the key.
class ParamsReader {
 public:
  explicit ParamsReader(const ModelParams& given) : given_(given) {}

  // Without a fallback the key must be there.
  int integer(const std::string& key, int64_t least, int64_t most, std::optional<int> fallback = std::nullopt);
  double number(const std::string& key, double least, double most, double fallback);
  // A dropout rate in [0, 1).
  float rate(const std::string& key, double fallback);
  // The same; null, and a missing key, mean `other` and stay null, so that a later change of that carries over.
  float rate_or_null(const std::string& key, float other);
  // To be called last: fails on a key that nobody asked for.
  ModelParams finish() const;

 private:
  std::optional<double> find(const std::string& key);

  const ModelParams& given_;
  ModelParams resolved_;
};

}  // namespace aot
