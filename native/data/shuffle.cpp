#include "data/shuffle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

namespace aot {
namespace {

// M. E. O'Neill's seed_seq alternative as numpy.random.SeedSequence has it, with a pool of four words.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t entropy) {
    const std::array<uint32_t, 2> words{static_cast<uint32_t>(entropy), static_cast<uint32_t>(entropy >> 32)};
    const size_t count = words[1] != 0 ? 2 : 1;
    uint32_t constant = 0x43b0d7e5;
    const auto hash = [&constant](uint32_t value) {
      value ^= constant;
      constant *= 0x931e8875;
      value *= constant;
      return value ^ (value >> 16);
    };
    for (size_t i = 0; i < pool_.size(); ++i) pool_[i] = hash(i < count ? words[i] : 0);
    for (size_t from = 0; from < pool_.size(); ++from) {
      for (size_t to = 0; to < pool_.size(); ++to) {
        if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
      }
    }
  }

  std::array<uint64_t, 4> generate() const {
    std::array<uint64_t, 4> state{};
    uint32_t constant = 0x8b51f9dd;
    for (size_t i = 0; i < 8; ++i) {
      uint32_t value = pool_[i % pool_.size()];
      value ^= constant;
      constant *= 0x58f38ded;
      value *= constant;
      value ^= value >> 16;
      state[i / 2] |= static_cast<uint64_t>(value) << (i % 2 * 32);
    }
    return state;
  }

 private:
  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t result = 0xca01f9ddu * x - 0x4973f715u * y;
    return result ^ (result >> 16);
  }
  std::array<uint32_t, 4> pool_{};
};

constexpr unsigned __int128 wide(uint64_t high, uint64_t low) {
  return static_cast<unsigned __int128>(high) << 64 | low;
}

constexpr unsigned __int128 multiplier = wide(0x2360ed051fc65da4, 0x4385df649fccf645);

// Fisher-Yates from the end. The random numbers do not depend on the data, so they are drawn a block ahead and the
// places they name are fetched meanwhile.
template <class Index>
void shuffle(std::vector<Index>& order, NumpyGenerator& generator) {
  constexpr size_t ahead = 64;
  std::array<size_t, ahead> places;
  for (size_t last = order.size() - 1; last > 0;) {
    const size_t count = std::min(ahead, last);
    for (size_t k = 0; k < count; ++k) {
      places[k] = generator.interval(last - k);
      __builtin_prefetch(&order[places[k]], 1);
    }
    for (size_t k = 0; k < count; ++k) std::swap(order[last - k], order[places[k]]);
    last -= count;
  }
}

}  // namespace

NumpyGenerator::NumpyGenerator(uint64_t seed) {
  const std::array<uint64_t, 4> words = SeedSequence(seed).generate();
  increment_ = wide(words[2], words[3]) << 1 | 1;
  state_ = (increment_ + wide(words[0], words[1])) * multiplier + increment_;
}

uint64_t NumpyGenerator::next64() {
  state_ = state_ * multiplier + increment_;
  const uint64_t folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

uint32_t NumpyGenerator::next32() {
  if (std::exchange(has_half_, !has_half_)) return half_;
  const uint64_t both = next64();
  half_ = static_cast<uint32_t>(both >> 32);
  return static_cast<uint32_t>(both);
}

uint64_t NumpyGenerator::interval(uint64_t most) {
  if (most == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(most);
  uint64_t value;
  if (most <= 0xffffffff) {
    while ((value = next32() & mask) > most) {
    }
  } else {
    while ((value = next64() & mask) > most) {
    }
  }
  return value;
}

ShuffledOrder::ShuffledOrder(int64_t length, uint64_t seed) : length_(length) {
  if (length <= 0) return;
  NumpyGenerator generator(seed);
  if (length <= (int64_t{1} << 32)) {
    narrow_.resize(static_cast<size_t>(length));
    std::iota(narrow_.begin(), narrow_.end(), 0u);
    shuffle(narrow_, generator);
  } else {
    wide_.resize(static_cast<size_t>(length));
    std::iota(wide_.begin(), wide_.end(), uint64_t{0});
    shuffle(wide_, generator);
  }
}

std::shared_ptr<const ShuffledOrder> shuffled_order(int64_t length, uint64_t seed) {
  static std::mutex mutex;
  static std::map<std::pair<int64_t, uint64_t>, std::weak_ptr<const ShuffledOrder>> known;
  std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const ShuffledOrder>& entry = known[{length, seed}];
  std::shared_ptr<const ShuffledOrder> order = entry.lock();
  if (!order) entry = order = std::make_shared<const ShuffledOrder>(length, seed);
  return order;
}

}  // namespace aot
