#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

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
  backend_->alone().run(
      {}, 1, static_cast<int>(tokens.size()), tokens.data(), nullptr, nullptr,
      [&](Lane& lane, const Slice& slice) { model_->decode(lane, slice, first_position, logits.data()); });
  for (float logit : logits) {
    if (!std::isfinite(logit)) fail(ErrorCode::numeric, "the model's logits are not finite: its weights are spoilt");
  }
}

void Engine::check_generation(std::span<const int32_t> prompt, const GenerateOptions& options) const {
  check_ids(prompt, "prompt");
  if (prompt.empty()) fail(ErrorCode::data, "the prompt is empty: it begins with BOS, the id 0");
  if (!(options.temperature >= 0 && std::isfinite(options.temperature))) {
    fail(ErrorCode::config, "temperature must be a finite number from 0 on (0: greedy)");
  }
  if (options.top_k < 0) fail(ErrorCode::config, "topK must be a whole number from 0 on");
}

void Engine::follow(std::span<const int32_t> sequence, size_t prompt, std::vector<float>& logits) {
  const size_t limit = model_->decode_length() == 0 ? SIZE_MAX : static_cast<size_t>(model_->decode_length());
  if (sequence.size() > limit) {
    reserve(backend_->alone(), Model::Use::decode, 1, static_cast<int>(limit));
    return decode(sequence.last(limit), 0, logits);
  }
  const bool goes_on =
      decoded_.size() < sequence.size() && std::equal(decoded_.begin(), decoded_.end(), sequence.begin());
  // More workspace is new workspace: the state that lay in the old one is lost.
  if (!goes_on || model_->workspace(Model::Use::decode, 1, static_cast<int>(prompt)) > reserved_) {
    reserve(backend_->alone(), Model::Use::decode, 1, static_cast<int>(prompt));
  }
  // The prompt at once and then token by token, also when the state was lost: products of other sizes round otherwise.
  std::vector<int32_t> held = std::exchange(decoded_, {});
  while (held.size() < sequence.size()) {
    const size_t count = held.size() < prompt ? prompt - held.size() : 1;
    decode(sequence.subspan(held.size(), count), static_cast<int>(held.size()), logits);
    held.insert(held.end(), sequence.begin() + static_cast<std::ptrdiff_t>(held.size()),
                sequence.begin() + static_cast<std::ptrdiff_t>(held.size() + count));
  }
  decoded_ = std::move(held);
}

int32_t Engine::next_token(std::span<const int32_t> sequence, int64_t index, const GenerateOptions& options) {
  check_generation(sequence, options);
  if (index < 0 || static_cast<size_t>(index) >= sequence.size()) {
    fail(ErrorCode::config, "index must be the number of tokens made so far");
  }
  std::vector<float> logits(static_cast<size_t>(vocab_size()));
  follow(sequence, sequence.size() - static_cast<size_t>(index), logits);
  const double u = (element_word(static_cast<uint64_t>(index), 0, sampling_site, options.seed) + 0.5) / 4294967296.0;
  return options.temperature == 0 ? likeliest(logits) : sample(logits, options.temperature, options.top_k, u);
}

std::vector<int32_t> Engine::generate(std::span<const int32_t> prompt, int64_t tokens, const GenerateOptions& options) {
  check_generation(prompt, options);
  if (tokens < 0) fail(ErrorCode::config, "tokens must be a whole number from 0 on");
  std::vector<int32_t> sequence(prompt.begin(), prompt.end());
  for (int64_t i = 0; i < tokens; i++) sequence.push_back(next_token(sequence, i, options));
  return {sequence.begin() + static_cast<std::ptrdiff_t>(prompt.size()), sequence.end()};
}

}  // namespace aot
