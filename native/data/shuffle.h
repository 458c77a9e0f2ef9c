// defines: aot::NumpyGenerator, aot::ShuffledOrder, aot::shuffled_order
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace aot {

// NumPy's default_rng(seed): PCG64 (XSL-RR, 128 bits of state) seeded through SeedSequence, bit for bit.
class NumpyGenerator {
 public:
  explicit NumpyGenerator(uint64_t seed);
  uint64_t next64();
  // The two halves of one 64-bit number, the low one first.
  uint32_t next32();
  // Uniform in 0..most: the smallest mask that covers `most`, numbers above it rejected (NumPy's random_interval).
  uint64_t interval(uint64_t most);

 private:
  unsigned __int128 state_, increment_;
  bool has_half_ = false;
  uint32_t half_ = 0;
};

// numpy.random.default_rng(seed).shuffle(numpy.arange(length)): four bytes a place while they suffice.
class ShuffledOrder {
 public:
  ShuffledOrder(int64_t length, uint64_t seed);
  int64_t length() const { return length_; }
  int64_t operator[](int64_t place) const {
    const size_t at = static_cast<size_t>(place);
    return narrow_.empty() ? static_cast<int64_t>(wide_[at]) : static_cast<int64_t>(narrow_[at]);
  }

 private:
  int64_t length_;
  std::vector<uint32_t> narrow_;
  std::vector<uint64_t> wide_;
};

// The same, made once for all who hold it at the same time (training and validation, forward and backward runs).
std::shared_ptr<const ShuffledOrder> shuffled_order(int64_t length, uint64_t seed);

}  // namespace aot
