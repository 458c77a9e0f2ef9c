// defines: aot::cpu::Kernels, aot::cpu::Scratch, aot::cpu::KeepBits, aot::cpu::AttentionShape
//
// What the kernels of every instruction set offer: one table of functions over plain pointers. The kernel sources are
// compiled once for each instruction set, each time in a namespace of its own; they use nothing from the standard
// library that the linker could merge with code meant for any processor.
//
// "act" pointers are to float or bf16 elements, by the table's precision. n rows; matrices row-major and contiguous.
#pragma once
#include <cstddef>
#include <cstdint>

#include "backend/adamw_step.h"
#include "backend/dtype.h"
#include "cpu/memory.h"

namespace aot::cpu {

// A lane's buffers inside an op, kept from call to call and grown when needed.
class Scratch {
 public:
  enum Slot {
    left,
    right,
    rows,
    keys,
    keys2,
    values,
    scores,
    gradients,
    probabilities,
    derivatives,
    sums,
    logits,
    slots
  };
  // At least `bytes` bytes, aligned to 64; what was in the slot is lost when it grows. Throws AOT_MEMORY.
  void* get(Slot slot, int64_t bytes);

 private:
  MemoryBlock blocks_[slots];
};

// One bit an element, set where dropout keeps it; readable to 8 bytes past the end. Null: everything is kept.
struct KeepBits {
  const uint8_t* bits = nullptr;
  int64_t first = 0;      // bit of the first element
  int64_t row_bytes = 0;  // attention: bytes from row to row; [batch*heads, T] rows
  float scale = 1;        // of what is kept: 1/(1-rate)
};

// The counters of a run of random words; rng.h says what they mean.
struct Words {
  uint64_t seed = 0;
  uint32_t minibatch = 0, site = 0;
  uint32_t threshold = 0;  // words below it drop their element
};

struct AttentionShape {
  int batch = 0;  // sequences
  int window = 0;
  int heads = 0;
  int head_dim = 0;
  int width() const { return heads * head_dim; }
};

struct RnnShape {
  int64_t batch = 0;  // sequences
  int64_t window = 0;
  int64_t width = 0;
};

struct Kernels {
  // A weight [out, in] packed for its two uses, in units along the reduction: forward, reduction over `in`; backward,
  // over `out`. packed_bytes(reduction, columns) is the size of one. pack_weight packs rows [begin, end) of the weight;
  // begin is a multiple of 64, and so is end unless it is the last.
  int64_t (*packed_bytes)(int64_t reduction, int64_t columns);
  void (*pack_weight)(const float* weight, int64_t out, int64_t in, int64_t begin, int64_t end, void* forward,
                      void* backward);

  void (*linear_forward)(Scratch&, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                         const float* bias, void* y, DType y_dtype);
  void (*linear_residual_forward)(Scratch&, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                                  const float* bias, const float* residual, KeepBits keep, float* y);
  void (*linear_gelu_forward)(Scratch&, const void* x, int64_t n, int64_t in, int64_t out, const void* packed,
                              const float* bias, void* y, void* derivative);
  void (*linear_backward_input)(Scratch&, const void* dy, int64_t n, int64_t in, int64_t out, const void* packed,
                                void* dx, DType dx_dtype);
  void (*linear_gelu_backward_input)(Scratch&, const void* dy, int64_t n, int64_t in, int64_t out, const void* packed,
                                     const void* derivative, float* bias_gradient, void* dh);
  void (*linear_backward_weight)(Scratch&, const void* dy, const void* x, int64_t n, int64_t in, int64_t out,
                                 float* weight_gradient, float* bias_gradient);

  // Bits of elements [first, first + count) of the global batch; returns the bit of the first. `bits` holds
  // element_bits_bytes(count).
  int64_t (*element_bits)(Words, uint64_t first, int64_t count, uint8_t* bits);
  // Bits of the causal half of the probabilities of one head; rows are row_bytes apart, a multiple of 4.
  void (*attention_bits)(Words, uint32_t batch_head, int window, int64_t row_bytes, uint8_t* bits);
  void (*dropout_forward)(const void* x, int64_t n, int64_t width, KeepBits keep, void* y, DType dtype);
  void (*dropout_backward)(const float* dout, int64_t n, int64_t width, KeepBits keep, float* bias_gradient, void* dy);

  void (*layernorm_forward)(const float* x, int64_t n, int64_t width, const float* weight, const float* bias, void* y,
                            float* stats);
  void (*layernorm_backward)(const float* x, const float* stats, int64_t n, int64_t width, const float* weight,
                             const float* dy, float* dx, bool accumulate, float* weight_gradient, float* bias_gradient);

  // position and its gradient may be null.
  void (*embedding_forward)(const int32_t* inputs, int batch, int window, int64_t width, const float* token,
                            const float* position, KeepBits keep, void* x, DType x_dtype);
  void (*embedding_backward)(const int32_t* inputs, int batch, int window, int64_t width, const float* dx,
                             KeepBits keep, float* token_gradient, float* position_gradient);

  void (*attention_forward)(Scratch&, AttentionShape, const void* qkv, KeepBits keep, void* out, float* lse);
  void (*attention_backward)(Scratch&, AttentionShape, const void* qkv, KeepBits keep, const void* dout, void* dqkv);
  // shape.window is the number of keys before this token; qkv, out [1, ...]; keys and values [*, C].
  void (*attention_decode)(Scratch&, AttentionShape, const void* qkv, void* keys, void* values, void* out);

  // packed: weight_hh's forward panels, and its backward panels.
  void (*gru_forward)(Scratch&, RnnShape, const void* packed, const float* bias_hh, bool from_zero, float* state,
                      void* gates, void* candidate, void* previous, void* out, DType out_dtype);
  void (*gru_backward)(Scratch&, RnnShape, const void* packed, void* gates, const void* candidate, const void* previous,
                       const float* dout, float* dstate, void* dhidden);
  void (*lstm_forward)(Scratch&, RnnShape, const void* packed, const float* bias_hh, bool from_zero, float* state,
                       void* gates, float* cell, void* previous, void* out, DType out_dtype);
  void (*lstm_backward)(Scratch&, RnnShape, const void* packed, void* gates, const float* cell, const float* dout,
                        float* dstate);

  // losses may be null. `scale` is loss_scale / batch_tokens.
  void (*lm_head_loss)(Scratch&, const void* y, int64_t n, int64_t width, int64_t vocabulary, const void* packed,
                       const int32_t* targets, float* losses);
  void (*lm_head_loss_backward)(Scratch&, const void* y, int64_t n, int64_t width, int64_t vocabulary,
                                const void* forward, const void* backward, const int32_t* targets, float scale,
                                float* losses, float* dy, float* weight_gradient);
  void (*lm_head_logits)(Scratch&, const void* y, int64_t n, int64_t width, int64_t vocabulary, const void* packed,
                         float* logits);

  // shares[0][i] = sum of shares[*][i], in order, for i in [begin, end); returns the sum of squares.
  double (*sum_gradients)(float* const* shares, int count, int64_t begin, int64_t end);
  // Steps weights and moments by coefficient * shares[0] and zeroes all shares.
  void (*adamw)(const AdamWStep&, float coefficient, float* weights, float* moment1, float* moment2,
                float* const* shares, int count, int64_t begin, int64_t end);
};

inline constexpr int64_t element_bits_bytes(int64_t count) { return (count + 63 + 63) / 64 * 8 + 8; }
inline constexpr int64_t attention_row_bytes(int64_t window) { return (window + 31) / 32 * 4; }

}  // namespace aot::cpu
