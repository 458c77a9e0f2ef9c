// defines: aot::DType, aot::size_of, aot::to_bf16, aot::from_bf16
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

namespace aot {

enum class DType : uint8_t { fp32, bf16 };

inline size_t size_of(DType dtype) { return dtype == DType::fp32 ? 4 : 2; }

// Round to nearest even; NaN stays NaN.
inline uint16_t to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline float from_bf16(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

}  // namespace aot
