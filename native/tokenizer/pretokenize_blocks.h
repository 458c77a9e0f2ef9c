// defines: the bit-parallel pre-tokenizer, over the instructions of one processor (included by pretokenize_avx*.cpp)
//
// 64 bytes at a time become bit masks, one bit a byte, one mask a class. A piece starts
//   at a character that is no white space: when its class differs from the previous character's, which is not U+0020;
//   at white space: when the previous character is none, or the next one is none.
// A character beyond ASCII sets the bits of all its bytes. Contractions then patch the starts around apostrophes.
//
// `Instructions` gives load(text) -> Block with the masks of ASCII (letters, digits, spaces, white, apostrophes), of
// bytes >= 0x80 (high), of lead bytes (lead), of leads whose characters are letters whatever follows (letter_leads: E5
// to E9, U+5000 to U+9FFF, ideographs; EB and EC, U+B000 to U+CFFF, Hangul);
// and write_starts(mask, base, starts), which writes base + position of each bit and may write 64 entries.
// The including file brings the headers, so that they are not compiled for its instructions.
#pragma once

namespace aot {
namespace {

struct Block {
  uint64_t letters, digits, spaces, white, apostrophes, high, lead, letter_leads;
};

// Masks of the classes over one block, with what characters of the block before reach into it.
struct ClassMasks {
  uint64_t letter = 0, number = 0, other = 0, white = 0;
  uint64_t wide_white = 0;  // bytes of white space beyond ASCII
};

template <class Instructions>
size_t pretokenize_blocks(const uint8_t* text, size_t bytes, uint32_t* starts) {
  const UnicodeClasses& classes = unicode_classes();
  const auto is_white = [&](size_t at) {
    uint32_t length;
    return classes(decode_utf8(text + at, length)) == CharClass::space;
  };
  size_t pieces = 0;
  ClassMasks spill;  // of characters that cross into the next block
  uint64_t was_letter = 0, was_number = 0, was_other = 0, was_space = 0;  // of the byte before, in bit 0
  uint64_t force_start = 1, forbid_start = 0;                             // by contractions that cross into the block
  for (size_t base = 0; base < bytes; base += 64) {
    const Block block = Instructions::load(text + base);
    ClassMasks is;
    is.letter = block.letters | spill.letter;
    is.number = block.digits | spill.number;
    is.white = block.white | spill.white;
    is.other = ~(block.letters | block.digits | block.white | block.high) | spill.other;
    is.wide_white = spill.wide_white;
    spill = {};
    uint64_t white_before_text = 0;  // leads of wide white space followed by none
    if (block.high) {
      const uint64_t sure = block.letter_leads;
      is.letter |= sure | sure << 1 | sure << 2;
      spill.letter = sure >> 63 | sure >> 62;
      for (uint64_t leads = block.lead & ~sure; leads; leads &= leads - 1) {
        const int at = std::countr_zero(leads);
        uint32_t length;
        const CharClass char_class = classes(decode_utf8(text + base + at, length));
        const uint64_t mask = (uint64_t{2} << (length - 1)) - 1;
        const uint64_t here = mask << at, beyond = at > 0 ? mask >> (64 - at) : 0;
        switch (char_class) {
          case CharClass::letter:
            is.letter |= here;
            spill.letter |= beyond;
            break;
          case CharClass::number:
            is.number |= here;
            spill.number |= beyond;
            break;
          case CharClass::other:
            is.other |= here;
            spill.other |= beyond;
            break;
          case CharClass::space:
            is.white |= here;
            spill.white |= beyond;
            is.wide_white |= here;
            spill.wide_white |= beyond;
            if (base + at + length < bytes && !is_white(base + at + length)) white_before_text |= uint64_t{1} << at;
            break;
        }
      }
    }
    const uint64_t text_after =
        is.white >> 63 && base + 64 < bytes && !is_utf8_continuation(text[base + 64]) && !is_white(base + 64);
    const uint64_t follows_text = is.letter << 1 | is.number << 1 | is.other << 1 | was_letter | was_number | was_other;
    const uint64_t same_class = (is.letter & (is.letter << 1 | was_letter)) |
                                (is.number & (is.number << 1 | was_number)) | (is.other & (is.other << 1 | was_other));
    uint64_t start = ~is.white & ~same_class & ~(block.spaces << 1 | was_space);
    start |= is.white & follows_text;
    start |= is.white & ~is.wide_white & (~is.white >> 1 | text_after << 63);
    start |= white_before_text;
    start = (start | force_start) & ~forbid_start;
    force_start = forbid_start = 0;
    for (uint64_t apostrophes = start & block.apostrophes; apostrophes; apostrophes &= apostrophes - 1) {
      const int at = std::countr_zero(apostrophes);
      const size_t length = contraction_length(text + base + at);
      if (length == 0 || base + at + length > bytes) continue;
      // The contraction's letters start nothing, what follows it does.
      if (at + 1 < 64) {
        start &= ~(uint64_t{1} << (at + 1));
      } else {
        forbid_start = 1;
      }
      if (at + length < 64) {
        start |= uint64_t{1} << (at + length);
      } else {
        force_start |= uint64_t{1} << (at + length - 64);
      }
    }
    was_letter = is.letter >> 63;
    was_number = is.number >> 63;
    was_other = is.other >> 63;
    was_space = block.spaces >> 63;
    if (bytes - base < 64) start &= (uint64_t{1} << (bytes - base)) - 1;
    Instructions::write_starts(start, static_cast<uint32_t>(base), starts + pieces);
    pieces += std::popcount(start);
  }
  starts[pieces] = static_cast<uint32_t>(bytes);
  return pieces;
}

}  // namespace
}  // namespace aot
