// Causal self-attention, one head of one sequence at a time, in blocks of rows: the scores of a block exist, those of
// the whole window never do. Tiles right of the diagonal are left out.
#include "cpu/dropout.h"
#include "cpu/gemm.h"
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

constexpr int block_rows = has_tiles ? 2 * tile_rows : 8 * tile_rows, product_rows = block_rows / 2;

// Where one head of one sequence lies.
template <class T>
struct Head {
  const T *q, *k, *v;
  int64_t stride;  // of a row of qkv
  const uint8_t* bits;
};

template <class T>
Head<T> head_of(AttentionShape shape, const void* qkv, KeepBits keep, int sequence, int head) {
  const int64_t width = shape.width(), stride = 3 * width;
  const T* q = static_cast<const T*>(qkv) + sequence * shape.window * stride + head * shape.head_dim;
  const int64_t first_row = (static_cast<int64_t>(sequence) * shape.heads + head) * shape.window;
  return {q, q + width, q + 2 * width, stride, keep.bits ? keep.bits + first_row * keep.row_bytes : nullptr};
}

// A block of `count` rows from row `first`; scores and what comes from them have rows `ld` elements apart.
struct Block {
  int64_t first, count, ld;
  int64_t keys() const { return first + count; }
};

// scores (+)= rows[count, D] B for keys up to the diagonal, B packed from T rows of D.
template <class T>
void causal_scores(Scratch& scratch, const T* rows, int64_t stride, const void* packed, int64_t head_dim, Block block,
                   float* scores) {
  const int64_t units = units_of<T>(head_dim);
  multiply_to<T, false>(left_rows(scratch, rows, stride, block.count, head_dim), packed, units * tile_columns,
                        block.count, block.keys(), units, block_rows, scores, block.ld,
                        {.padded = true, .causal = block.first});
}

// body(row, column, tile offset, lanes) over P[count, keys] B, B packed from T rows of D columns.
template <class T, class Body>
[[gnu::always_inline]] inline void causal_product(const T* p, const void* packed, int64_t window, int64_t head_dim,
                                                  Block block, Body&& body) {
  const int64_t panel = units_of<T>(window) * tile_columns, stride = block.ld * static_cast<int64_t>(sizeof(T));
  for (int64_t begin = 0; begin < block.count; begin += product_rows) {
    const int64_t rows = min_of(product_rows, block.count - begin);
    multiply<T, false>({reinterpret_cast<const char*>(p + begin * block.ld), stride}, packed, panel, rows, head_dim,
                       units_of<T>(block.first + begin + rows), product_rows,
                       [&](int64_t row, int64_t column, int tile_row_count, int columns, const float* tile) {
                         for_tile(tile_row_count, columns, [&](int i, int j, auto lanes) {
                           body(begin + row + i, column + j, load(tile + i * tile_columns + j, All{}), lanes);
                         });
                       });
  }
}

inline int64_t score_columns(int window) { return round_up(window, tile_columns); }
inline float* block_floats(Scratch& scratch, Scratch::Slot slot, int64_t ld) {
  return static_cast<float*>(scratch.get(slot, (block_rows + tile_rows) * ld * 4));
}

template <class T>
void attention_forward(Scratch& scratch, AttentionShape shape, const void* qkv, KeepBits keep_bits, void* out,
                       float* lse) {
  const int64_t window = shape.window, head_dim = shape.head_dim, width = shape.width();
  const int64_t ld = score_columns(shape.window), units = units_of<T>(window);
  const float scale = 1.f / __builtin_sqrtf(static_cast<float>(head_dim));
  void* keys = scratch.get(Scratch::keys, right_bytes(units_of<T>(head_dim), window));
  void* values = scratch.get(Scratch::values, right_bytes(units, head_dim));
  float* scores = block_floats(scratch, Scratch::scores, ld);
  T* probabilities = reinterpret_cast<T*>(block_floats(scratch, Scratch::probabilities, ld));
  for (int sequence = 0; sequence < shape.batch; sequence++) {
    for (int h = 0; h < shape.heads; h++) {
      const Head<T> head = head_of<T>(shape, qkv, keep_bits, sequence, h);
      T* head_out = static_cast<T*>(out) + sequence * window * width + h * head_dim;
      float* head_lse = lse + (static_cast<int64_t>(sequence) * shape.heads + h) * window;
      pack_rows<T>(head.k, head.stride, window, head_dim, keys);
      pack_columns<T>(head.v, head.stride, window, head_dim, values, units, units * tile_columns);
      for (int64_t first = 0; first < window; first += block_rows) {
        const Block block = {first, min_of(block_rows, window - first), ld};
        causal_scores<T>(scratch, head.q + first * head.stride, head.stride, keys, head_dim, block, scores);
        for (int64_t i = 0; i < block.count; i++) {
          const int64_t row = first + i, full = (row + 1) / W, end = round_up(block.keys(), tile_columns) / W;
          float* s = scores + i * ld;
          T* p = probabilities + i * ld;
          const int tail = static_cast<int>((row + 1) % W);
          const int64_t used = full + (tail ? 1 : 0);
          const Vec lowest = broadcast(-3.4e38f);
          Vec best = lowest;
          for (int64_t j = 0; j < full; j++) best = max_of(best, load(s + j * W, All{}));
          if (tail) best = max_of(best, select(first_mask(tail), load(s + full * W, All{}), lowest));
          const float maximum = largest(best) * scale;
          const Vec factor = broadcast(scale), shift = broadcast(-maximum);
          Vec total = {};
          for (int64_t j = 0; j < used; j++) {
            Vec e = exponential(fma(load(s + j * W, All{}), factor, shift));
            if (j == full) e = keep(first_mask(tail), e);
            total = total + e;
            store(s + j * W, e, All{});
          }
          const float z = sum(total);
          head_lse[row] = maximum + __builtin_logf(z);
          const Vec inverse = broadcast(keep_bits.scale / z);
          const uint8_t* bits = head.bits ? head.bits + row * keep_bits.row_bytes : nullptr;
          for (int64_t j = 0; j < used; j++) {
            const Vec w = load(s + j * W, All{}) * inverse;
            store(p + j * W, bits ? keep(kept(bits, j * W), w) : w, All{});
          }
          for (int64_t j = used; j < end; j++) store(p + j * W, Vec{}, All{});
        }
        causal_product(probabilities, values, window, head_dim, block,
                       [&](int64_t row, int64_t column, Vec x, auto lanes) {
                         store(head_out + (first + row) * width + column, x, lanes);
                       });
      }
    }
  }
}

// Both probabilities (with dropout) and the scores' gradient, for one row of `used` vectors. The row's maximum and sum
// are made again: exp(x - lse) would lose digits where the scores are large. delta = sum(p * dp) comes from the
// probabilities themselves, so that the gradient of one lone key is exactly 0.
template <class T>
void row_gradients(float* s, const float* dp, int64_t row, int64_t end, float scale, KeepBits keep_bits,
                   const uint8_t* bits, T* p, T* ds) {
  const int64_t full = (row + 1) / W;
  const int tail = static_cast<int>((row + 1) % W);
  const int64_t used = full + (tail ? 1 : 0);
  const Vec lowest = broadcast(-3.4e38f);
  Vec best = lowest;
  for (int64_t j = 0; j < full; j++) best = max_of(best, load(s + j * W, All{}));
  if (tail) best = max_of(best, select(first_mask(tail), load(s + full * W, All{}), lowest));
  const Vec factor = broadcast(scale), shift = broadcast(-largest(best) * scale), up = broadcast(keep_bits.scale);
  Vec total = {}, projection = {};
  for (int64_t j = 0; j < used; j++) {
    Vec e = exponential(fma(load(s + j * W, All{}), factor, shift)), d = load(dp + j * W, All{});
    if (j == full) {
      e = keep(first_mask(tail), e);
      d = keep(first_mask(tail), d);
    }
    if (bits) d = keep(kept(bits, j * W), d);
    total = total + e;
    projection = fma(e, d, projection);
    store(s + j * W, e, All{});
  }
  const float inverse_total = 1.f / sum(total);
  const Vec inverse = broadcast(inverse_total);
  const Vec delta = broadcast(sum(projection) * inverse_total * keep_bits.scale);
  for (int64_t j = 0; j < used; j++) {
    const Vec w = load(s + j * W, All{}) * inverse;
    Vec d = load(dp + j * W, All{}) * up, dropped = w * up;
    if (j == full) d = keep(first_mask(tail), d);
    if (bits) {
      const Mask mask = kept(bits, j * W);
      d = keep(mask, d);
      dropped = keep(mask, dropped);
    }
    store(p + j * W, dropped, All{});
    store(ds + j * W, w * (d - delta), All{});
  }
  for (int64_t j = used; j < end; j++) {
    store(p + j * W, Vec{}, All{});
    store(ds + j * W, Vec{}, All{});
  }
}

template <class T>
void attention_backward(Scratch& scratch, AttentionShape shape, const void* qkv, KeepBits keep_bits, const void* dout,
                        void* dqkv) {
  const int64_t window = shape.window, head_dim = shape.head_dim, width = shape.width();
  const int64_t ld = score_columns(shape.window), units = units_of<T>(window), head_units = units_of<T>(head_dim);
  const int64_t sum_columns = round_up(head_dim, W), sum_rows = round_up(window, tile_rows);
  const float scale = 1.f / __builtin_sqrtf(static_cast<float>(head_dim));
  void* keys = scratch.get(Scratch::keys, right_bytes(head_units, window));
  void* values = scratch.get(Scratch::values, right_bytes(head_units, window));
  void* keys2 = scratch.get(Scratch::keys2, right_bytes(units, head_dim));
  float* scores = block_floats(scratch, Scratch::scores, ld);
  float* gradients = block_floats(scratch, Scratch::gradients, ld);
  T* probabilities = reinterpret_cast<T*>(block_floats(scratch, Scratch::probabilities, ld));
  T* derivatives = reinterpret_cast<T*>(block_floats(scratch, Scratch::derivatives, ld));
  void* left = scratch.get(Scratch::left, left_bytes(units_of<T>(block_rows), window));
  void* right = scratch.get(Scratch::right, right_bytes(units_of<T>(block_rows), head_dim));
  float* dk = static_cast<float*>(scratch.get(Scratch::sums, 2 * sum_rows * sum_columns * 4));
  float* dv = dk + sum_rows * sum_columns;
  for (int sequence = 0; sequence < shape.batch; sequence++) {
    for (int h = 0; h < shape.heads; h++) {
      const Head<T> head = head_of<T>(shape, qkv, keep_bits, sequence, h);
      const T* head_dout = static_cast<const T*>(dout) + sequence * window * width + h * head_dim;
      T* dq = static_cast<T*>(dqkv) + sequence * window * head.stride + h * head_dim;
      pack_rows<T>(head.k, head.stride, window, head_dim, keys);
      pack_rows<T>(head.v, head.stride, window, head_dim, values);
      pack_columns<T>(head.k, head.stride, window, head_dim, keys2, units, units * tile_columns);
      __builtin_memset(dk, 0, static_cast<size_t>(2 * sum_rows * sum_columns) * 4);
      for (int64_t first = 0; first < window; first += block_rows) {
        const Block block = {first, min_of(block_rows, window - first), ld};
        const T* q = head.q + first * head.stride;
        const T* d = head_dout + first * width;
        causal_scores<T>(scratch, q, head.stride, keys, head_dim, block, scores);
        causal_scores<T>(scratch, d, width, values, head_dim, block, gradients);
        const int64_t end = round_up(block.keys(), tile_columns) / W;
        for (int64_t i = 0; i < block.count; i++) {
          const uint8_t* bits = head.bits ? head.bits + (first + i) * keep_bits.row_bytes : nullptr;
          row_gradients(scores + i * ld, gradients + i * ld, first + i, end, scale, keep_bits, bits,
                        probabilities + i * ld, derivatives + i * ld);
        }
        causal_product(derivatives, keys2, window, head_dim, block,
                       [&](int64_t row, int64_t column, Vec x, auto lanes) {
                         store(dq + (first + row) * head.stride + column, x * broadcast(scale), lanes);
                       });
        // dk += dS^T q, dv += P^T dout: the block's rows are the reduction.
        const auto accumulate = [&](const T* block_rows_matrix, const T* operand, int64_t stride, float* sums) {
          const int64_t row_units = units_of<T>(block.count);
          pack_left(block_rows_matrix, ld, block.count, block.keys(), left);
          pack_columns<T>(operand, stride, block.count, head_dim, right, row_units, row_units * tile_columns);
          multiply_to<T, true>({static_cast<const char*>(left), 0}, right, row_units * tile_columns, block.keys(),
                               head_dim, row_units, window, sums, sum_columns,
                               {.accumulate = true, .padded = true, .causal = first});
        };
        accumulate(derivatives, q, head.stride, dk);
        accumulate(probabilities, d, width, dv);
      }
      for (int64_t row = 0; row < window; row++) {
        for_vectors(head_dim, [&](int64_t j, auto lanes) {
          T* to = dq + row * head.stride + j;
          store(to + width, load(dk + row * sum_columns + j, lanes) * broadcast(scale), lanes);
          store(to + 2 * width, load(dv + row * sum_columns + j, lanes), lanes);
        });
      }
    }
  }
}

template <class T>
void attention_decode(Scratch& scratch, AttentionShape shape, const void* qkv, void* keys, void* values, void* out) {
  const int64_t width = shape.width(), head_dim = shape.head_dim, count = shape.window + 1;
  const float scale = 1.f / __builtin_sqrtf(static_cast<float>(head_dim));
  const T* q = static_cast<const T*>(qkv);
  __builtin_memcpy(static_cast<T*>(keys) + shape.window * width, q + width, static_cast<size_t>(width) * sizeof(T));
  __builtin_memcpy(static_cast<T*>(values) + shape.window * width, q + 2 * width,
                   static_cast<size_t>(width) * sizeof(T));
  float* scores = static_cast<float*>(scratch.get(Scratch::scores, count * 4));
  float* sums = static_cast<float*>(scratch.get(Scratch::sums, head_dim * 4));
  for (int h = 0; h < shape.heads; h++) {
    const T* head_q = q + h * head_dim;
    float maximum = -3.4e38f;
    for (int64_t t = 0; t < count; t++) {
      const T* k = static_cast<const T*>(keys) + t * width + h * head_dim;
      Vec dot = {};
      for_vectors(head_dim,
                  [&](int64_t j, auto lanes) { dot = fma(load(head_q + j, lanes), load(k + j, lanes), dot); });
      scores[t] = sum(dot) * scale;
      maximum = scores[t] > maximum ? scores[t] : maximum;
    }
    Vec total = {};
    for_vectors(count, [&](int64_t t, auto lanes) {
      const Vec e = keep(lanes_mask(lanes), exponential(load(scores + t, lanes) - broadcast(maximum)));
      total = total + e;
      store(scores + t, e, lanes);
    });
    const float inverse = 1.f / sum(total);
    __builtin_memset(sums, 0, static_cast<size_t>(head_dim) * 4);
    for (int64_t t = 0; t < count; t++) {
      const T* v = static_cast<const T*>(values) + t * width + h * head_dim;
      const Vec p = broadcast(scores[t] * inverse);
      for_vectors(head_dim, [&](int64_t j, auto lanes) {
        store(sums + j, fma(p, load(v + j, lanes), load(sums + j, lanes)), lanes);
      });
    }
    T* to = static_cast<T*>(out) + h * head_dim;
    for_vectors(head_dim, [&](int64_t j, auto lanes) { store(to + j, load(sums + j, lanes), lanes); });
  }
}

template <class T>
void fill(Kernels& kernels) {
  kernels.attention_forward = attention_forward<T>;
  kernels.attention_backward = attention_backward<T>;
  kernels.attention_decode = attention_decode<T>;
}

}  // namespace

void fill_attention(Kernels& kernels, DType precision) {
  for_precision(precision, [&](auto element) { fill<decltype(element)>(kernels); });
}

}  // namespace aot::cpu::AOT_ISA
