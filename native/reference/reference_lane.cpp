#include "reference/reference_lane.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backend/rng.h"
#include "reference/values.h"

namespace aot {
namespace {

// softmax(q k^T / sqrt D) of query `row` over keys [0, row], before dropout. log_sum: of the exponentials.
Values attention_row(const double* query, const double* keys, int64_t stride, int row, int head_dim, double* log_sum) {
  Values probabilities(static_cast<size_t>(row) + 1);
  double largest = -INFINITY;
  for (int column = 0; column <= row; column++) {
    double score = 0;
    for (int d = 0; d < head_dim; d++) score += query[d] * keys[column * stride + d];
    probabilities[column] = score / std::sqrt(static_cast<double>(head_dim));
    largest = std::max(largest, probabilities[column]);
  }
  double sum = 0;
  for (double& p : probabilities) sum += p = std::exp(p - largest);
  for (double& p : probabilities) p /= sum;
  *log_sum = largest + std::log(sum);
  return probabilities;
}

}  // namespace

void ReferenceLane::begin(const Pass& pass, void* workspace, size_t bytes) {
  pass_ = &pass;
  stamps_.clear();
  arena_ = Arena(workspace, bytes);
}

const float* ReferenceLane::matmul_weights(ParameterId id) const {
  const std::vector<float>& block = blocks_.matmul_weights.empty() ? blocks_.weights : blocks_.matmul_weights;
  return block.data() + table_[id].offset;
}

double ReferenceLane::keep(Dropout dropout, uint64_t index) const {
  if (!pass_->training || dropout.rate == 0) return 1;
  const uint32_t word = element_word(index, pass_->minibatch, dropout.site, pass_->seed);
  return word < dropout_threshold(dropout.rate) ? 0 : 1 / (1 - static_cast<double>(dropout.rate));
}

double ReferenceLane::keep_attention(Dropout dropout, int row, int column, uint32_t batch_head) const {
  if (!pass_->training || dropout.rate == 0) return 1;
  const uint32_t word = attention_word(static_cast<uint32_t>(row), static_cast<uint32_t>(column), batch_head,
                                       pass_->minibatch, dropout.site, pass_->seed);
  return word < dropout_threshold(dropout.rate) ? 0 : 1 / (1 - static_cast<double>(dropout.rate));
}

uint64_t ReferenceLane::first_index(const Slice& slice, int64_t cols) const {
  return static_cast<uint64_t>((pass_->first_row + slice.first) * slice.window * cols);
}

// --- embedding ---------------------------------------------------------------------------------------------------

void ReferenceLane::embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                                      Dropout dropout, Tensor x) {
  const uint64_t first = first_index(slice, x.cols);
  for (int64_t row = 0; row < x.rows; row++) {
    const float* token_row = weights(token) + slice.inputs[row] * x.cols;
    const float* position_row =
        position == no_parameter ? nullptr : weights(position) + (first_position + row % slice.window) * x.cols;
    for (int64_t c = 0; c < x.cols; c++) {
      const int64_t i = row * x.cols + c;
      const double sum = static_cast<double>(token_row[c]) + (position_row ? position_row[c] : 0);
      store(x, i, sum * keep(dropout, first + i));
    }
  }
}

void ReferenceLane::embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                                       Tensor dx) {
  const uint64_t first = first_index(slice, dx.cols);
  for (int64_t row = 0; row < dx.rows; row++) {
    float* token_row = gradients(token) + slice.inputs[row] * dx.cols;
    float* position_row = position == no_parameter ? nullptr : gradients(position) + row % slice.window * dx.cols;
    for (int64_t c = 0; c < dx.cols; c++) {
      const int64_t i = row * dx.cols + c;
      const float gradient = static_cast<float>(load(dx, i) * keep(dropout, first + i));
      token_row[c] += gradient;
      if (position_row) position_row[c] += gradient;
    }
  }
}

// --- layernorm ---------------------------------------------------------------------------------------------------

void ReferenceLane::layernorm_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor stats) {
  for (int64_t row = 0; row < x.rows; row++) {
    const int64_t at = row * x.cols;
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < x.cols; c++) mean += load(x, at + c);
    mean /= static_cast<double>(x.cols);
    for (int64_t c = 0; c < x.cols; c++) variance += (load(x, at + c) - mean) * (load(x, at + c) - mean);
    variance /= static_cast<double>(x.cols);
    const double scale = 1 / std::sqrt(variance + 1e-5);
    for (int64_t c = 0; c < x.cols; c++) {
      store(y, at + c, (load(x, at + c) - mean) * scale * weights(weight)[c] + weights(bias)[c]);
    }
    store(stats, row * 2, mean);
    store(stats, row * 2 + 1, scale);
  }
}

void ReferenceLane::layernorm_backward(Tensor x, Tensor stats, ParameterId weight, ParameterId bias, Tensor dy,
                                       Tensor dx, bool accumulate) {
  Values weight_sums(static_cast<size_t>(x.cols)), bias_sums(static_cast<size_t>(x.cols));
  for (int64_t row = 0; row < x.rows; row++) {
    const int64_t at = row * x.cols;
    const double mean = load(stats, row * 2), scale = load(stats, row * 2 + 1);
    double sum = 0, weighted = 0;  // over the row: of the gradient of the normalised x, and of that times it
    for (int64_t c = 0; c < x.cols; c++) {
      const double normal = (load(x, at + c) - mean) * scale, gradient = load(dy, at + c);
      weight_sums[c] += gradient * normal;
      bias_sums[c] += gradient;
      sum += gradient * weights(weight)[c];
      weighted += gradient * weights(weight)[c] * normal;
    }
    for (int64_t c = 0; c < x.cols; c++) {
      const double normal = (load(x, at + c) - mean) * scale, gradient = load(dy, at + c) * weights(weight)[c];
      const double value = scale * (gradient - (sum + normal * weighted) / static_cast<double>(x.cols));
      store(dx, at + c, accumulate ? load(dx, at + c) + value : value);
    }
  }
  add_column_sums(weight_sums, x.cols, weight);
  add_column_sums(bias_sums, x.cols, bias);
}

// --- linear ------------------------------------------------------------------------------------------------------

void ReferenceLane::add_column_sums(const Values& values, int64_t cols, ParameterId bias) {
  for (int64_t c = 0; c < cols; c++) {
    double sum = 0;
    for (size_t i = static_cast<size_t>(c); i < values.size(); i += static_cast<size_t>(cols)) sum += values[i];
    gradients(bias)[c] += static_cast<float>(sum);
  }
}

Values ReferenceLane::linear(Tensor x, ParameterId weight, ParameterId bias) const {
  const int64_t outputs = table_[weight].rows, inputs = table_[weight].cols;
  const Values from = load_all(x);
  const float* matrix = matmul_weights(weight);
  Values to(static_cast<size_t>(x.rows * outputs));
  for (int64_t row = 0; row < x.rows; row++) {
    for (int64_t o = 0; o < outputs; o++) {
      double sum = 0;
      for (int64_t i = 0; i < inputs; i++) sum += from[row * inputs + i] * matrix[o * inputs + i];
      to[row * outputs + o] = bias == no_parameter ? sum : sum + weights(bias)[o];
    }
  }
  return to;
}

Values ReferenceLane::linear_transposed(Tensor dy, ParameterId weight) const {
  const int64_t outputs = table_[weight].rows, inputs = table_[weight].cols;
  const float* matrix = matmul_weights(weight);
  Values to(static_cast<size_t>(dy.rows * inputs));
  for (int64_t row = 0; row < dy.rows; row++) {
    for (int64_t o = 0; o < outputs; o++) {
      const double gradient = load(dy, row * outputs + o);
      for (int64_t i = 0; i < inputs; i++) to[row * inputs + i] += gradient * matrix[o * inputs + i];
    }
  }
  return to;
}

void ReferenceLane::linear_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y) {
  store_all(y, linear(x, weight, bias));
}

void ReferenceLane::linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                            Tensor residual, Dropout dropout, Tensor out) {
  const Values values = linear(x, weight, bias);
  const uint64_t first = first_index(slice, out.cols);
  for (int64_t i = 0; i < out.size(); i++) {
    store(out, i, load(residual, i) + values[i] * keep(dropout, first + i));
  }
}

void ReferenceLane::linear_gelu_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor derivative) {
  const Values hidden = linear(x, weight, bias);
  for (int64_t i = 0; i < y.size(); i++) {
    const double h = hidden[i];
    const double cumulative = (1 + std::erf(h / std::numbers::sqrt2)) / 2;
    const double density = std::exp(-h * h / 2) / std::sqrt(2 * std::numbers::pi);
    store(y, i, h * cumulative);
    store(derivative, i, cumulative + h * density);
  }
}

void ReferenceLane::copy(Tensor x, Tensor y) {
  for (int64_t i = 0; i < x.size(); i++) store(y, i, load(x, i));
}

void ReferenceLane::dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) {
  const uint64_t first = first_index(slice, x.cols);
  for (int64_t i = 0; i < x.size(); i++) store(y, i, load(x, i) * keep(dropout, first + i));
}

void ReferenceLane::dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) {
  const uint64_t first = first_index(slice, dout.cols);
  for (int64_t i = 0; i < dout.size(); i++) store(dy, i, load(dout, i) * keep(dropout, first + i));
  add_column_sums(load_all(dy), dy.cols, bias);
}

void ReferenceLane::linear_backward_input(Tensor dy, ParameterId weight, Tensor dx) {
  store_all(dx, linear_transposed(dy, weight));
}

void ReferenceLane::linear_gelu_backward_input(Tensor dy, ParameterId weight, Tensor derivative, ParameterId bias,
                                               Tensor dh) {
  const Values values = linear_transposed(dy, weight);
  for (int64_t i = 0; i < dh.size(); i++) store(dh, i, values[i] * load(derivative, i));
  add_column_sums(load_all(dh), dh.cols, bias);
}

void ReferenceLane::linear_backward_weight(Tensor dy, Tensor x, ParameterId weight, ParameterId bias) {
  const Values from = load_all(x), gradient = load_all(dy);
  float* to = gradients(weight);
  for (int64_t o = 0; o < dy.cols; o++) {
    Values sums(static_cast<size_t>(x.cols));
    for (int64_t row = 0; row < x.rows; row++) {
      for (int64_t i = 0; i < x.cols; i++) sums[i] += gradient[row * dy.cols + o] * from[row * x.cols + i];
    }
    for (int64_t i = 0; i < x.cols; i++) to[o * x.cols + i] += static_cast<float>(sums[i]);
  }
  if (bias != no_parameter) add_column_sums(gradient, dy.cols, bias);
}

// --- attention ---------------------------------------------------------------------------------------------------

void ReferenceLane::attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out,
                                      Tensor lse) {
  const int window = slice.window, head_dim = static_cast<int>(out.cols) / heads;
  const int64_t stride = qkv.cols;
  const Values values = load_all(qkv);
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    for (int head = 0; head < heads; head++) {
      const double* query = values.data() + sequence * window * stride + head * head_dim;
      const double *key = query + out.cols, *value = key + out.cols;
      const auto batch_head = static_cast<uint32_t>((pass_->first_row + slice.first + sequence) * heads + head);
      for (int row = 0; row < window; row++) {
        double log_sum = 0;
        Values p = attention_row(query + row * stride, key, stride, row, head_dim, &log_sum);
        store(lse, (sequence * heads + head) * window + row, log_sum);
        for (int column = 0; column <= row; column++) p[column] *= keep_attention(dropout, row, column, batch_head);
        for (int d = 0; d < head_dim; d++) {
          double sum = 0;
          for (int column = 0; column <= row; column++) sum += p[column] * value[column * stride + d];
          store(out, (sequence * window + row) * out.cols + head * head_dim + d, sum);
        }
      }
    }
  }
}

// The softmax is made again from the scores: exp(score - lse) would lose digits where scores are large.
void ReferenceLane::attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor, int heads, Dropout dropout,
                                       Tensor dout, Tensor dqkv) {
  const int window = slice.window, head_dim = static_cast<int>(out.cols) / heads;
  const int64_t stride = qkv.cols;
  const Values values = load_all(qkv);
  Values gradients(values.size());
  for (int sequence = 0; sequence < slice.batch; sequence++) {
    for (int head = 0; head < heads; head++) {
      const int64_t at = sequence * window * stride + head * head_dim;
      const double *query = values.data() + at, *key = query + out.cols, *value = key + out.cols;
      double *dquery = gradients.data() + at, *dkey = dquery + out.cols, *dvalue = dkey + out.cols;
      const auto batch_head = static_cast<uint32_t>((pass_->first_row + slice.first + sequence) * heads + head);
      for (int row = 0; row < window; row++) {
        double log_sum = 0;
        const Values p = attention_row(query + row * stride, key, stride, row, head_dim, &log_sum);
        const int64_t dout_row = (sequence * window + row) * out.cols + head * head_dim;
        Values dp(p.size());
        double weighted = 0;
        for (int column = 0; column <= row; column++) {
          const double scale = keep_attention(dropout, row, column, batch_head);
          for (int d = 0; d < head_dim; d++) {
            dp[column] += scale * load(dout, dout_row + d) * value[column * stride + d];
            dvalue[column * stride + d] += scale * p[column] * load(dout, dout_row + d);
          }
          weighted += p[column] * dp[column];
        }
        for (int column = 0; column <= row; column++) {
          const double dscore = p[column] * (dp[column] - weighted) / std::sqrt(static_cast<double>(head_dim));
          for (int d = 0; d < head_dim; d++) {
            dquery[row * stride + d] += dscore * key[column * stride + d];
            dkey[column * stride + d] += dscore * query[row * stride + d];
          }
        }
      }
    }
  }
  store_all(dqkv, gradients);
}

void ReferenceLane::attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) {
  const int64_t width = out.cols;
  const int head_dim = static_cast<int>(width) / heads;
  for (int64_t c = 0; c < width; c++) {
    store(keys, position * width + c, load(qkv, width + c));
    store(values, position * width + c, load(qkv, 2 * width + c));
  }
  const Values query = load_all(qkv), key = load_all({keys.data, keys.dtype, position + 1, width});
  for (int head = 0; head < heads; head++) {
    double log_sum = 0;
    const int64_t at = head * head_dim;
    const Values p = attention_row(query.data() + at, key.data() + at, width, position, head_dim, &log_sum);
    for (int64_t d = at; d < at + head_dim; d++) {
      double sum = 0;
      for (int column = 0; column <= position; column++) sum += p[column] * load(values, column * width + d);
      store(out, d, sum);
    }
  }
}

// --- lm_head and cross-entropy -----------------------------------------------------------------------------------

// Row by row: one row of logits exists at a time.
void ReferenceLane::cross_entropy(const Slice& slice, Tensor y, ParameterId weight, Tensor* dy) {
  const int64_t vocabulary = table_[weight].rows, width = y.cols;
  const float* matrix = matmul_weights(weight);
  // The gradient of the weights is summed over the slice in double before it is added.
  Values sums(dy ? static_cast<size_t>(vocabulary * width) : 0);
  for (int64_t row = 0; row < y.rows; row++) {
    const Tensor y_row{static_cast<char*>(y.data) + row * width * static_cast<int64_t>(size_of(y.dtype)), y.dtype, 1,
                       width};
    Values logits = linear(y_row, weight, no_parameter);
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (double logit : logits) sum += std::exp(logit - largest);
    const int32_t target = slice.targets[row];
    if (slice.losses) slice.losses[row] = static_cast<float>(largest + std::log(sum) - logits[target]);
    if (!dy) continue;
    const double scale = static_cast<double>(pass_->loss_scale) / static_cast<double>(slice.batch_tokens);
    Values gradient(static_cast<size_t>(width));
    for (int64_t v = 0; v < vocabulary; v++) {
      const double dlogit = scale * (std::exp(logits[v] - largest) / sum - (v == target ? 1 : 0));
      for (int64_t c = 0; c < width; c++) {
        gradient[c] += dlogit * matrix[v * width + c];
        sums[v * width + c] += dlogit * load(y_row, c);
      }
    }
    for (int64_t c = 0; c < width; c++) store(*dy, row * width + c, gradient[c]);
  }
  for (size_t i = 0; i < sums.size(); i++) gradients(weight)[i] += static_cast<float>(sums[i]);
}

void ReferenceLane::lm_head_loss(const Slice& slice, Tensor y, ParameterId weight) {
  cross_entropy(slice, y, weight, nullptr);
}

void ReferenceLane::lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight, Tensor dy) {
  cross_entropy(slice, y, weight, &dy);
}

void ReferenceLane::lm_head_logits(Tensor y, ParameterId weight, float* host_logits) {
  const Values logits = linear(y, weight, no_parameter);
  std::transform(logits.begin(), logits.end(), host_logits, [](double value) { return static_cast<float>(value); });
}

}  // namespace aot
