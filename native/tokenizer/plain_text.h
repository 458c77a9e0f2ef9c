// defines: aot::PlainEnd, aot::plain_end_scalar, aot::plain_end_avx2, aot::plain_end_avx512, aot::plain_end_named
#pragma once
#include <cstdint>
#include <string_view>

namespace aot {

// Where the text that needs no cleaning ends: [from, result) is well-formed UTF-8 without CR, U+2028 and U+2029. May
// stop up to 8 bytes early.
using PlainEnd = const uint8_t* (*)(const uint8_t* from, const uint8_t* end);

const uint8_t* plain_end_scalar(const uint8_t* from, const uint8_t* end);
// For processors that have the instructions.
const uint8_t* plain_end_avx2(const uint8_t* from, const uint8_t* end);
const uint8_t* plain_end_avx512(const uint8_t* from, const uint8_t* end);

// "scalar", "avx2", "avx512"; null when this processor or this build has none of that name.
PlainEnd plain_end_named(std::string_view name);

}  // namespace aot
