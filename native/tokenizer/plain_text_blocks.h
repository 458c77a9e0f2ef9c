// defines: plain_end over the instructions of one processor (included by plain_text_avx*.cpp)
//
// 64 bytes at a time become bit masks, one bit a byte, one mask a kind of byte. Text is well-formed (Unicode 16, table
// 3-7) when bytes that continue a character stand exactly where leads ask for them, and the second bytes after E0, ED,
// F0 and F4 are those that these allow. There are few branches, for none would be foreseen in a text of many scripts.
//
// `Instructions` gives load(text), and of what it gave the masks equal(bytes, value), below(bytes, value), from(bytes,
// value) of bytes that are at least `value`, and continuations(bytes) of 80 to BF.
// The including file brings the headers, so that they are not compiled for its instructions.
#pragma once

namespace aot {
namespace {

template <class Instructions>
const uint8_t* plain_end_blocks(const uint8_t* from, const uint8_t* end) {
  using I = Instructions;
  // Of the block before: what its last bits ask of this block, of second bytes too, and bytes of a character begun.
  uint64_t asked_before = 0, small_before = 0, large_before = 0, begun = 0;
  for (; end - from >= 67; from += 64) {
    const auto bytes = I::load(from);
    const uint64_t continuations = I::continuations(bytes);
    const uint64_t two = I::from(bytes, 0xC0), three = I::from(bytes, 0xE0), four = I::from(bytes, 0xF0);
    const uint64_t asked = asked_before | two << 1 | three << 2 | four << 3;
    const uint64_t below_a0 = I::below(bytes, 0xA0);
    const uint64_t e0 = I::equal(bytes, 0xE0), ed = I::equal(bytes, 0xED);
    uint64_t wrong = (continuations ^ asked) | I::equal(bytes, '\r');
    wrong |= (two & ~I::from(bytes, 0xC2)) | I::from(bytes, 0xF5);
    wrong |= (e0 << 1 | (small_before & 1)) & below_a0;
    wrong |= (ed << 1 | (large_before & 1)) & ~below_a0;
    const uint64_t e2 = I::equal(bytes, 0xE2);
    if (e2) {
      const auto third = I::load(from + 2);
      wrong |= e2 & I::equal(I::load(from + 1), 0x80) & (I::equal(third, 0xA8) | I::equal(third, 0xA9));
    }
    if (four | (small_before | large_before) >> 1) {
      const uint64_t below_90 = I::below(bytes, 0x90);
      wrong |= (I::equal(bytes, 0xF0) << 1 | small_before >> 1) & below_90;
      wrong |= (I::equal(bytes, 0xF4) << 1 | large_before >> 1) & ~below_90;
      small_before = (I::equal(bytes, 0xF0) >> 63) << 1;
      large_before = (I::equal(bytes, 0xF4) >> 63) << 1;
    } else {
      small_before = large_before = 0;
    }
    if (wrong) break;
    small_before |= e0 >> 63;
    large_before |= ed >> 63;
    asked_before = two >> 63 | three >> 62 | four >> 61;
    begun = four >> 61 & 1 ? 3 : three >> 62 & 1 ? 2 : two >> 63;
  }
  return plain_end_scalar(from - begun, end);
}

}  // namespace
}  // namespace aot
