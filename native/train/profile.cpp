#include "train/profile.h"

#include <vector>

#include "backend/op_table.h"

namespace aot {
namespace {

// The sizes of a call, for the table of ops.
OpShape sizes(int64_t rows, int64_t width, int64_t out = 1, int64_t vocabulary = 1, int64_t heads = 1) {
  return {1, rows, width, out, heads, vocabulary};
}
OpShape sizes(const Slice& slice, int64_t width, int64_t out = 1, int64_t vocabulary = 1, int64_t heads = 1) {
  return {slice.batch, slice.window, width, out, heads, vocabulary};
}

}  // namespace

class ProfiledLane final : public Lane {
 public:
  ProfiledLane(Lane& lane, const ParameterTable& table, DType precision)
      : lane_(lane), table_(table), precision_(precision) {}

  void add_to(std::map<std::string, OpShare>& shares) const {
    for (const Call& call : calls_) {
      const Op& op = find_op(call.op);
      OpShare& share = shares[op.name];
      share.calls++;
      share.seconds += lane_.seconds_between(call.from, call.to);
      share.flops += op.flops(call.shape);
      share.bytes += op.bytes(call.shape, precision_);
    }
  }

  Arena& arena() override { return lane_.arena(); }
  const Pass& pass() const override { return lane_.pass(); }
  int stamp() override { return lane_.stamp(); }
  double seconds_between(int from, int to) override { return lane_.seconds_between(from, to); }
  void flush_cache() override { lane_.flush_cache(); }
  void gradients_final(ParameterId first, ParameterId last) override { lane_.gradients_final(first, last); }
  void upload(const float* host, Tensor to) override { lane_.upload(host, to); }
  void download(Tensor from, float* host) override { lane_.download(from, host); }

  void embedding_forward(const Slice& slice, ParameterId token, ParameterId position, int first_position,
                         Dropout dropout, Tensor x) override {
    note(position == no_parameter ? "token_embedding_forward" : "embedding_forward",
         sizes(slice, x.cols, 1, vocabulary(token)),
         [&] { lane_.embedding_forward(slice, token, position, first_position, dropout, x); });
  }
  void embedding_backward(const Slice& slice, ParameterId token, ParameterId position, Dropout dropout,
                          Tensor dx) override {
    note(position == no_parameter ? "token_embedding_backward" : "embedding_backward",
         sizes(slice, dx.cols, 1, vocabulary(token)),
         [&] { lane_.embedding_backward(slice, token, position, dropout, dx); });
  }
  void layernorm_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor stats) override {
    note("layernorm_forward", sizes(x.rows, x.cols), [&] { lane_.layernorm_forward(x, weight, bias, y, stats); });
  }
  void layernorm_backward(Tensor x, Tensor stats, ParameterId weight, ParameterId bias, Tensor dy, Tensor dx,
                          bool accumulate) override {
    note("layernorm_backward", sizes(x.rows, x.cols),
         [&] { lane_.layernorm_backward(x, stats, weight, bias, dy, dx, accumulate); });
  }
  void linear_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y) override {
    note(y.dtype == precision_ ? "linear_forward" : "linear_forward_fp32", sizes(x.rows, x.cols, y.cols),
         [&] { lane_.linear_forward(x, weight, bias, y); });
  }
  void linear_residual_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias, Tensor residual,
                               Dropout dropout, Tensor out) override {
    note("linear_residual_forward", sizes(slice, x.cols, out.cols),
         [&] { lane_.linear_residual_forward(slice, x, weight, bias, residual, dropout, out); });
  }
  void linear_residual_layernorm_forward(const Slice& slice, Tensor x, ParameterId weight, ParameterId bias,
                                         Tensor residual, Dropout dropout, Tensor out, ParameterId norm_weight,
                                         ParameterId norm_bias, Tensor y, Tensor stats) override {
    note("linear_residual_layernorm_forward", sizes(slice, x.cols, out.cols), [&] {
      lane_.linear_residual_layernorm_forward(slice, x, weight, bias, residual, dropout, out, norm_weight, norm_bias, y,
                                              stats);
    });
  }
  void linear_gelu_forward(Tensor x, ParameterId weight, ParameterId bias, Tensor y, Tensor derivative) override {
    note("linear_gelu_forward", sizes(x.rows, x.cols, y.cols),
         [&] { lane_.linear_gelu_forward(x, weight, bias, y, derivative); });
  }
  void copy(Tensor x, Tensor y) override {
    note("copy", sizes(x.rows, x.cols), [&] { lane_.copy(x, y); });
  }
  void dropout_forward(const Slice& slice, Tensor x, Dropout dropout, Tensor y) override {
    note(x.dtype == precision_ ? "dropout_forward" : "dropout_forward_fp32", sizes(slice, x.cols),
         [&] { lane_.dropout_forward(slice, x, dropout, y); });
  }
  void dropout_backward(const Slice& slice, Tensor dout, Dropout dropout, ParameterId bias, Tensor dy) override {
    note("dropout_backward", sizes(slice, dy.cols), [&] { lane_.dropout_backward(slice, dout, dropout, bias, dy); });
  }
  void linear_backward_input(Tensor dy, ParameterId weight, Tensor dx) override {
    note(dx.dtype == precision_ ? "linear_backward_input" : "linear_backward_input_fp32",
         sizes(dy.rows, dx.cols, dy.cols), [&] { lane_.linear_backward_input(dy, weight, dx); });
  }
  void linear_gelu_backward_input(Tensor dy, ParameterId weight, Tensor derivative, ParameterId bias,
                                  Tensor dh) override {
    note("linear_gelu_backward_input", sizes(dy.rows, dh.cols, dy.cols),
         [&] { lane_.linear_gelu_backward_input(dy, weight, derivative, bias, dh); });
  }
  void linear_backward_weight(Tensor dy, Tensor x, ParameterId weight, ParameterId bias) override {
    note("linear_backward_weight", sizes(dy.rows, x.cols, dy.cols),
         [&] { lane_.linear_backward_weight(dy, x, weight, bias); });
  }
  void attention_forward(const Slice& slice, Tensor qkv, int heads, Dropout dropout, Tensor out, Tensor lse) override {
    note("attention_forward", sizes(slice, out.cols, 1, 1, heads),
         [&] { lane_.attention_forward(slice, qkv, heads, dropout, out, lse); });
  }
  void attention_backward(const Slice& slice, Tensor qkv, Tensor out, Tensor lse, int heads, Dropout dropout,
                          Tensor dout, Tensor dqkv) override {
    note("attention_backward", sizes(slice, out.cols, 1, 1, heads),
         [&] { lane_.attention_backward(slice, qkv, out, lse, heads, dropout, dout, dqkv); });
  }
  void attention_decode(Tensor qkv, int heads, int position, Tensor keys, Tensor values, Tensor out) override {
    note("attention_decode", sizes(position + 1, out.cols, 1, 1, heads),
         [&] { lane_.attention_decode(qkv, heads, position, keys, values, out); });
  }
  void gru_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                   Tensor gates, Tensor candidate, Tensor previous, Tensor out) override {
    note("gru_forward", sizes(slice, out.cols),
         [&] { lane_.gru_forward(slice, weight_hh, bias_hh, from_zero, state, gates, candidate, previous, out); });
  }
  void gru_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor candidate, Tensor previous,
                    Tensor dout, Tensor dstate, Tensor dhidden) override {
    note("gru_backward", sizes(slice, dout.cols),
         [&] { lane_.gru_backward(slice, weight_hh, gates, candidate, previous, dout, dstate, dhidden); });
  }
  void lstm_forward(const Slice& slice, ParameterId weight_hh, ParameterId bias_hh, bool from_zero, Tensor state,
                    Tensor gates, Tensor cell, Tensor previous, Tensor out) override {
    note("lstm_forward", sizes(slice, out.cols),
         [&] { lane_.lstm_forward(slice, weight_hh, bias_hh, from_zero, state, gates, cell, previous, out); });
  }
  void lstm_backward(const Slice& slice, ParameterId weight_hh, Tensor gates, Tensor cell, Tensor dout,
                     Tensor dstate) override {
    note("lstm_backward", sizes(slice, dout.cols),
         [&] { lane_.lstm_backward(slice, weight_hh, gates, cell, dout, dstate); });
  }
  void lm_head_loss(const Slice& slice, Tensor y, ParameterId weight) override {
    note("lm_head_loss", sizes(slice, y.cols, 1, vocabulary(weight)), [&] { lane_.lm_head_loss(slice, y, weight); });
  }
  void lm_head_loss_backward(const Slice& slice, Tensor y, ParameterId weight, Tensor dy) override {
    note("lm_head_loss_backward", sizes(slice, y.cols, 1, vocabulary(weight)),
         [&] { lane_.lm_head_loss_backward(slice, y, weight, dy); });
  }
  void lm_head_logits(Tensor y, ParameterId weight, float* host_logits) override {
    note("lm_head_logits", sizes(y.rows, y.cols, 1, vocabulary(weight)),
         [&] { lane_.lm_head_logits(y, weight, host_logits); });
  }

 private:
  struct Call {
    const char* op;
    OpShape shape;
    int from, to;
  };

  int64_t vocabulary(ParameterId id) const { return table_[id].rows; }
  template <class Body>
  void note(const char* op, const OpShape& shape, Body&& body) {
    const int from = lane_.stamp();
    body();
    calls_.push_back({op, shape, from, lane_.stamp()});
  }

  Lane& lane_;
  const ParameterTable& table_;
  const DType precision_;
  std::vector<Call> calls_;
};

Profiler::Profiler(const ParameterTable& table, DType precision) : table_(table), precision_(precision) {}
Profiler::~Profiler() = default;

Lane& Profiler::wrap(Lane& lane) {
  std::lock_guard lock(mutex_);
  std::unique_ptr<ProfiledLane>& profiled = lanes_[&lane];
  if (!profiled) profiled = std::make_unique<ProfiledLane>(lane, table_, precision_);
  return *profiled;
}

std::map<std::string, OpShare> Profiler::shares() const {
  std::map<std::string, OpShare> shares;
  for (const auto& [lane, profiled] : lanes_) profiled->add_to(shares);
  return shares;
}

}  // namespace aot
