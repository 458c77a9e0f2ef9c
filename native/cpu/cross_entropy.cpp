// The last layer and the loss in one: logits exist for a block of rows only, and as exp(logit - reference).
//
// reference is one logit of the row, moved only when another exceeds it by 40, so that one pass makes the exponentials
// and their sum. With p = e / sum the gradient of the logits is (p - onehot) * scale = (e - sum * onehot) * scale /
// sum: the stored exponentials, times one factor a row, where the target's is the sum of the others, negative. That sum
// is kept by itself, so that the gradient stays exact where p nears 1.
//
// The backward pass needs the exponentials when the sums are known. Where products are cheap (in tiles) they are made a
// second time, a chunk of columns at a time, which is as fast as to keep them and takes 50 MB less for 50,000 tokens.
#include "cpu/gemm.h"
#include "cpu/op_files.h"

namespace aot::cpu::AOT_ISA {
namespace {

constexpr int block_rows = (has_tiles ? 32 : 32) * tile_rows, chunk = 8 * tile_columns;
constexpr float headroom = 40;
constexpr bool twice = has_tiles;

// The state of a block of rows, and its exponentials: [chunks][rows][chunk], or one chunk alone when made twice.
template <class T>
struct Rows {
  int64_t count = 0;
  float *reference, *target_logit, *sums;  // sums: W partial sums a row, without the target
  float *factor, *target_value;            // in the backward pass: of the row, and of its target in place of e
  T* exponentials = nullptr;

  T* at(int64_t row, int64_t column) const {
    return exponentials + (twice ? 0 : column / chunk * count * chunk) + row * chunk + column % chunk;
  }
};

template <class T>
Rows<T> make_rows(Scratch& scratch, int64_t count) {
  Rows<T> rows;
  rows.count = count;
  rows.sums = static_cast<float*>(scratch.get(Scratch::sums, block_rows * (W + 4) * 4));
  rows.reference = rows.sums + block_rows * W;
  rows.target_logit = rows.reference + block_rows;
  rows.factor = rows.target_logit + block_rows;
  rows.target_value = rows.factor + block_rows;
  for (int64_t r = 0; r < count; r++) {
    rows.reference[r] = -1e30f;
    rows.target_logit[r] = 0;
    store(rows.sums + r * W, Vec{}, All{});
  }
  return rows;
}

// Moves the row's reference and what hangs on it.
template <class T>
[[gnu::noinline]] void rescale(const Rows<T>& rows, int64_t row, int64_t columns, float reference) {
  const Vec factor = exponential(broadcast(rows.reference[row] - reference));
  rows.reference[row] = reference;
  store(rows.sums + row * W, load(rows.sums + row * W, All{}) * factor, All{});
  if (twice || !rows.exponentials) return;
  for (int64_t column = 0; column < columns; column += W) {
    T* at = rows.at(row, column);
    store(at, load(at, All{}) * factor, All{});
  }
}

// What a row's sums come to.
struct RowTotal {
  double others, total, loss;
};
template <class T>
RowTotal row_total(const Rows<T>& rows, int64_t row) {
  const double above = static_cast<double>(rows.target_logit[row]) - rows.reference[row];
  const double others = sum_in_double(load(rows.sums + row * W, All{}));
  const double total = others + static_cast<double>(exponential(broadcast(static_cast<float>(above)))[0]);
  return {others, total, __builtin_log(total) - above};
}

template <class T, bool Keep>
void exponentials(Left y, int64_t width, int64_t vocabulary, const void* packed, const int32_t* targets,
                  const Rows<T>& state) {
  const int64_t units = units_of<T>(width);
  const Vec lowest = broadcast(-__builtin_inff());
  multiply<T, false>(y, packed, units * tile_columns, state.count, vocabulary, units, block_rows,
                     [&](int64_t row, int64_t column, int rows, int columns, const float* tile) {
                       const Mask low = first_mask(columns < W ? columns : W),
                                  high = first_mask(columns < W ? 0 : columns - W);
                       for (int i = 0; i < rows; i++) {
                         const int64_t r = row + i;
                         Vec a = load(tile + i * tile_columns, All{}), b = load(tile + i * tile_columns + W, All{});
                         if (columns < tile_columns) {
                           a = select(low, a, lowest);
                           b = select(high, b, lowest);
                         }
                         const Vec best = max_of(a, b);
                         if (any(greater(best, broadcast(state.reference[r] + headroom))))
                           rescale(state, r, column, largest(best));
                         const Vec reference = broadcast(state.reference[r]);
                         a = exponential(a - reference);
                         b = exponential(b - reference);
                         if (Keep) {
                           T* to = state.at(r, column);
                           store(to, a, All{});
                           store(to + W, b, All{});
                         }
                         const int64_t place = targets[r] - column;
                         if (place >= 0 && place < columns) {
                           state.target_logit[r] = tile[i * tile_columns + place];
                           const uint32_t others = ~(1u << place);
                           a = keep(bits_mask(others), a);
                           b = keep(bits_mask(others >> W), b);
                         }
                         float* sums = state.sums + r * W;
                         store(sums, load(sums, All{}) + (a + b), All{});
                       }
                     });
}

// The exponentials of the chunk of columns from `begin`, made again.
template <class T>
void exponentials_again(Left y, int64_t width, int64_t begin, int64_t columns, const void* packed,
                        const Rows<T>& state) {
  const int64_t units = units_of<T>(width), panel = units * tile_columns;
  multiply<T, false>(y, static_cast<const Unit*>(packed) + begin / tile_columns * panel, panel, state.count, columns,
                     units, block_rows, [&](int64_t row, int64_t column, int rows, int width_here, const float* tile) {
                       for (int i = 0; i < rows; i++) {
                         const Vec reference = broadcast(state.reference[row + i]);
                         for (int j = 0; j < tile_columns; j += W) {
                           const int there = width_here - j;
                           const Mask mask = first_mask(there < 0 ? 0 : there < W ? there : W);
                           const Vec e = exponential(load(tile + i * tile_columns + j, All{}) - reference);
                           store(state.at(row + i, column + j), keep(mask, e), All{});
                         }
                       }
                     });
}

template <class T>
void lm_head_loss(Scratch& scratch, const void* y, int64_t n, int64_t width, int64_t vocabulary, const void* packed,
                  const int32_t* targets, float* losses) {
  const Left left = left_rows(scratch, static_cast<const T*>(y), width, n, width);
  for (int64_t begin = 0; begin < n; begin += block_rows) {
    const Rows<T> rows = make_rows<T>(scratch, min_of(block_rows, n - begin));
    exponentials<T, false>({left.data + begin * left.stride, left.stride}, width, vocabulary, packed, targets + begin,
                           rows);
    if (!losses) continue;
    for (int64_t r = 0; r < rows.count; r++) losses[begin + r] = static_cast<float>(row_total(rows, r).loss);
  }
}

template <class T>
void lm_head_loss_backward(Scratch& scratch, const void* y, int64_t n, int64_t width, int64_t vocabulary,
                           const void* forward, const void* backward, const int32_t* targets, float scale,
                           float* losses, float* dy, float* weight_gradient) {
  const int64_t vocabulary_units = units_of<T>(vocabulary);
  for (int64_t begin = 0; begin < n; begin += block_rows) {
    Rows<T> rows = make_rows<T>(scratch, min_of(block_rows, n - begin));
    const int64_t count = rows.count, units = units_of<T>(count);
    const T* block_y = static_cast<const T*>(y) + begin * width;
    float* block_dy = dy + begin * width;
    const int64_t kept_columns = twice ? chunk : round_up(vocabulary, chunk);
    rows.exponentials =
        static_cast<T*>(scratch.get(Scratch::logits, count * kept_columns * static_cast<int64_t>(sizeof(T))));
    const Left left_y = left_rows(scratch, block_y, width, count, width);
    exponentials<T, !twice>(left_y, width, vocabulary, forward, targets + begin, rows);

    T* scaled = static_cast<T*>(scratch.get(Scratch::probabilities, count * width * static_cast<int64_t>(sizeof(T))));
    for (int64_t r = 0; r < count; r++) {
      const RowTotal row = row_total(rows, r);
      if (losses) losses[begin + r] = static_cast<float>(row.loss);
      rows.target_value[r] = static_cast<float>(-row.others);
      rows.factor[r] = static_cast<float>(scale / row.total);
      for_vectors(width, [&](int64_t i, auto lanes) {
        store(scaled + r * width + i, load(block_y + r * width + i, lanes) * broadcast(rows.factor[r]), lanes);
      });
    }

    void* right = scratch.get(Scratch::right, right_bytes(units, width));
    void* left = scratch.get(Scratch::left, left_bytes(units, chunk));
    pack_columns<T>(scaled, width, count, width, right, units, units * tile_columns);
    __builtin_memset(block_dy, 0, static_cast<size_t>(count * width) * 4);
    for (int64_t column = 0; column < vocabulary; column += chunk) {
      const int64_t columns = min_of(chunk, vocabulary - column);
      const T* e = rows.at(0, column);
      if (twice) exponentials_again(left_y, width, column, columns, forward, rows);
      for (int64_t r = 0; r < count; r++) {
        const int64_t target = targets[begin + r];
        if (target >= column && target < column + columns)
          store(rows.at(r, target), broadcast(rows.target_value[r]), First{1});
      }
      multiply_to<T, false>({reinterpret_cast<const char*>(e), chunk * static_cast<int64_t>(sizeof(T))},
                            static_cast<const Unit*>(backward) + column / unit_elements<T> * tile_columns,
                            vocabulary_units * tile_columns, count, width, units_of<T>(columns), block_rows, block_dy,
                            width, {.accumulate = true});
      pack_left(e, chunk, count, columns, left);
      multiply_to<T, true>({static_cast<const char*>(left), 0}, right, units * tile_columns, columns, width, units,
                           chunk, weight_gradient + column * width, width, {.accumulate = true});
    }
    for (int64_t r = 0; r < count; r++) {
      for_vectors(width, [&](int64_t i, auto lanes) {
        float* at = block_dy + r * width + i;
        store(at, load(at, lanes) * broadcast(rows.factor[r]), lanes);
      });
    }
  }
}

template <class T>
void lm_head_logits(Scratch& scratch, const void* y, int64_t n, int64_t width, int64_t vocabulary, const void* packed,
                    float* logits) {
  const int64_t units = units_of<T>(width);
  multiply_to<T, false>(left_rows(scratch, static_cast<const T*>(y), width, n, width), packed, units * tile_columns, n,
                        vocabulary, units, hot_rows(units), logits, vocabulary, {});
}

template <class T>
void fill(Kernels& kernels) {
  kernels.lm_head_loss = lm_head_loss<T>;
  kernels.lm_head_loss_backward = lm_head_loss_backward<T>;
  kernels.lm_head_logits = lm_head_logits<T>;
}

}  // namespace

void fill_cross_entropy(Kernels& kernels, DType precision) {
  for_precision(precision, [&](auto element) { fill<decltype(element)>(kernels); });
}

}  // namespace aot::cpu::AOT_ISA
