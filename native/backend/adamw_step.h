// defines: aot::AdamWStep, aot::make_adamw_step
#pragma once
#include <cmath>

#include "backend/backend.h"

namespace aot {

// One AdamW step's constants, bias corrections worked in: m += (g - m) (1 - beta1), v = beta2 v + (1 - beta2) g^2,
// weight = decay weight - step_size m / (root_scale sqrt(v) + epsilon), where g is the clipped gradient.
struct AdamWStep {
  float clip = 0;   // of the global norm; <= 0: never
  float decay = 1;  // 1 - lr * weight_decay
  float one_minus_beta1 = 0, beta2 = 0, one_minus_beta2 = 0;
  float step_size = 0;   // lr / (1 - beta1^step)
  float root_scale = 0;  // 1 / sqrt(1 - beta2^step)
  float epsilon = 0;
};

inline AdamWStep make_adamw_step(const AdamW& adamw) {
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

// What the gradients are multiplied by.
inline double clip_coefficient(double clip, double norm) { return clip > 0 ? std::fmin(1.0, clip / (norm + 1e-6)) : 1; }

}  // namespace aot
