#include "data/scramble.h"

#include <algorithm>
#include <bit>

namespace aot {
namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

constexpr uint64_t golden_ratio = 0x9e3779b97f4a7c15;

}  // namespace

Scramble::Scramble(int64_t length, uint64_t seed) : length_(length) {
  // At least two bits, so that both halves have one.
  const int bits =
      std::max(2, static_cast<int>(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(length, 1)) - 1)));
  low_bits_ = bits / 2;
  high_bits_ = bits - low_bits_;
  for (int i = 0; i < rounds; ++i)
    keys_[static_cast<size_t>(i)] = mix(seed + golden_ratio * static_cast<uint64_t>(i + 1));
}

int64_t Scramble::operator[](int64_t place) const {
  uint64_t value = static_cast<uint64_t>(place);
  do {
    // Each round replaces one half by itself xor a hash of the other; the halves change places, and sizes with them.
    int low_bits = low_bits_, high_bits = high_bits_;
    for (const uint64_t key : keys_) {
      const uint64_t low = value & ((uint64_t{1} << low_bits) - 1);
      const uint64_t high = (value >> low_bits) ^ (mix(low + key) >> (64 - high_bits));
      value = low << high_bits | high;
      std::swap(low_bits, high_bits);
    }
  } while (value >= static_cast<uint64_t>(length_));
  return static_cast<int64_t>(value);
}

}  // namespace aot
