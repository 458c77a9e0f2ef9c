#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "backend/error.h"
#include "backend/rng.h"
#include "train/engine.h"

namespace aot {
namespace {

int32_t likeliest(const std::vector<float>& logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// The token at which the cumulative probability passes u in (0, 1), in double and in order of the ids.
int32_t sample(const std::vector<float>& logits, double temperature, int64_t top_k, double u) {
  float least = -std::numeric_limits<float>::infinity();
  if (top_k > 0 && top_k < static_cast<int64_t>(logits.size())) {
    std::vector<float> sorted = logits;
    std::nth_element(sorted.begin(), sorted.begin() + (top_k - 1), sorted.end(), std::greater<>());
    least = sorted[static_cast<size_t>(top_k - 1)];
  }
  const double largest = logits[static_cast<size_t>(likeliest(logits))];
  std::vector<double> weights(logits.size());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); i++) {
    if (logits[i] >= least) weights[i] = std::exp((logits[i] - largest) / temperature);
    sum += weights[i];
  }
  double passed = 0;
  int32_t last = 0;
  for (size_t i = 0; i < weights.size(); i++) {
    if (weights[i] == 0) continue;
    last = static_cast<int32_t>(i);
    passed += weights[i];
    if (passed > u * sum) return last;
  }
  return last;
}

}  // namespace

void Engine::decode(std::span<const int32_t> tokens, int first_position, std::vector<float>& logits) {
  backend_->run({}, 1, static_cast<int>(tokens.size()), tokens.data(), nullptr, nullptr,
                [&](Lane& lane, const Slice& slice) { model_->decode(lane, slice, first_position, logits.data()); });
  for (float logit : logits) {
    if (!std::isfinite(logit)) fail(ErrorCode::numeric, "the model's logits are not finite: its weights are spoilt");
  }
}

std::vector<int32_t> Engine::generate(std::span<const int32_t> prompt, const GenerateOptions& options) {
  check_ids(prompt, "prompt");
  if (prompt.empty()) fail(ErrorCode::data, "the prompt is empty: it begins with BOS, the id 0");
  if (options.tokens < 0) fail(ErrorCode::config, "tokens must be a whole number from 0 on");
  if (options.top_k < 0) fail(ErrorCode::config, "topK must be a whole number from 0 on (0: all)");
  if (!(options.temperature >= 0 && std::isfinite(options.temperature))) {
    fail(ErrorCode::config, "temperature must be a finite number from 0 on (0: greedy)");
  }

  std::vector<int32_t> sequence(prompt.begin(), prompt.end());
  const size_t start = sequence.size();
  const size_t limit = model_->decode_length() == 0 ? SIZE_MAX : static_cast<size_t>(model_->decode_length());
  // The workspace is taken once, for the largest number of tokens that one call will feed: growing it between the calls
  // would lose the state that lies in it.
  const size_t longest = start + static_cast<size_t>(options.tokens) > limit ? limit : start;
  reserve(Model::Use::decode, 1, static_cast<int>(longest));

  std::vector<float> logits(static_cast<size_t>(vocab_size()));
  size_t fed = 0;  // tokens of the sequence that the state holds; only meaningful while all of them fit
  for (int64_t i = 0; i < options.tokens; i++) {
    if (sequence.size() <= limit) {
      decode(std::span(sequence).subspan(fed), static_cast<int>(fed), logits);
      fed = sequence.size();
    } else {
      decode(std::span(sequence).last(limit), 0, logits);
    }
    const double u = (element_word(static_cast<uint64_t>(i), 0, sampling_site, options.seed) + 0.5) / 4294967296.0;
    sequence.push_back(options.temperature == 0 ? likeliest(logits)
                                                : sample(logits, options.temperature, options.top_k, u));
  }
  return {sequence.begin() + static_cast<std::ptrdiff_t>(start), sequence.end()};
}

}  // namespace aot
