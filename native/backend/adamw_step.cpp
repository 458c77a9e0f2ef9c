#include "backend/adamw_step.h"

#include <algorithm>
#include <cmath>

#include "backend/backend.h"

namespace aot {

AdamWStep make_adamw_step(const AdamW& adamw) {
  AdamWStep step;
  step.clip = static_cast<float>(adamw.clip);
  step.decay = static_cast<float>(1 - adamw.lr * adamw.weight_decay);
  step.one_minus_beta1 = static_cast<float>(1 - adamw.beta1);
  step.beta2 = static_cast<float>(adamw.beta2);
  step.one_minus_beta2 = static_cast<float>(1 - adamw.beta2);
  const double power = static_cast<double>(adamw.step);
  step.step_size = static_cast<float>(adamw.lr / (1 - std::pow(adamw.beta1, power)));
  step.root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(adamw.beta2, power)));
  step.epsilon = static_cast<float>(adamw.epsilon);
  return step;
}

double clip_coefficient(double clip, double norm) { return clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1; }

}  // namespace aot
