// defines: aot::Scramble
#pragma once
#include <array>
#include <cstdint>

namespace aot {

// A pseudo-random permutation of 0..length-1 in constant memory, for more windows than a shuffled list should hold: a
// Feistel network over the smallest power of two that covers length, walked until it lands inside (less than two rounds
// of it on average). The permutation depends on length and seed alone and is the same on every machine. It is not
// NumPy's.
class Scramble {
 public:
  Scramble(int64_t length, uint64_t seed);
  int64_t length() const { return length_; }
  int64_t operator[](int64_t place) const;

 private:
  static constexpr int rounds = 8;
  int64_t length_;
  int low_bits_, high_bits_;
  std::array<uint64_t, rounds> keys_;
};

}  // namespace aot
