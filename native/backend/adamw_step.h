// defines: aot::AdamWStep, aot::make_adamw_step, aot::clip_coefficient
#pragma once

namespace aot {

struct AdamW;

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

AdamWStep make_adamw_step(const AdamW& adamw);

// What the gradients are multiplied by: min(1, clip / (norm + 1e-6)).
double clip_coefficient(double clip, double norm);

}  // namespace aot
