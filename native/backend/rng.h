// defines: aot::philox, aot::Site numbering, aot::dropout_threshold, element and attention counters
//
// Counter-based randomness: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// A number depends on the seed, the minibatch, the site in the network and the element's place in the global batch,
// and on nothing else, so that every backend, any number of devices and every resume draw the same masks.
// The numbering below is part of the meaning of a checkpoint. It is frozen.
#pragma once
#include <array>
#include <cstdint>

namespace aot {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock philox(PhiloxBlock counter, uint64_t seed) {
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t product0 = 0xD2511F53ull * counter[0], product1 = 0xCD9E8D57ull * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// Sites: where in the network a random number is used.
enum class LayerSite : uint32_t { attention_probabilities = 0, attention_output = 1, mlp_output = 2, between_rnn = 3 };
inline constexpr uint32_t embedding_site = 0;
inline constexpr uint32_t sampling_site = 0x40000000u;  // | 0: the generated tokens
inline constexpr uint32_t init_site = 0x80000000u;      // | index of the parameter in its table
inline uint32_t layer_site(int layer, LayerSite site) {
  return 1 + static_cast<uint32_t>(layer) * 4 + static_cast<uint32_t>(site);
}

// An element is dropped when its word is below the threshold. rate is in [0, 1).
inline uint32_t dropout_threshold(float rate) {
  return static_cast<uint32_t>(static_cast<double>(rate) * 4294967296.0);
}

// Everything but attention probabilities: index is the element's place in the global batch in row-major order.
inline uint32_t element_word(uint64_t index, uint32_t minibatch, uint32_t site, uint64_t seed) {
  const uint64_t block = index / 4;
  return philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), minibatch, site}, seed)[index % 4];
}

// Attention probabilities: {r, r+8} x {c, c+8} share a call, in S and in its transpose, so that a thread of a
// tensor-core kernel makes exactly the words it uses.
inline uint32_t attention_group(uint32_t x) { return x / 16 * 8 + x % 8; }
inline uint32_t attention_word(uint32_t row, uint32_t column, uint32_t batch_head, uint32_t minibatch, uint32_t site,
                               uint64_t seed) {
  const PhiloxBlock block =
      philox({attention_group(row) | attention_group(column) << 16, batch_head, minibatch, site}, seed);
  return block[(row / 8 % 2) * 2 + column / 8 % 2];
}

}  // namespace aot
