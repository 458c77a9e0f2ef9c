// defines: aot::ByteAlphabet, aot::byte_alphabet
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aot {

// GPT-2's way to write bytes as characters: 21-7E, A1-AC and AE-FF stand for themselves, the other 68 bytes, in
// ascending order, for U+0100, U+0101, ... (so U+0020 is U+0120 and U+000A is U+010A).
class ByteAlphabet {
 public:
  ByteAlphabet();
  // The bytes in the order of their characters' code points: the order of the ids of a trained vocabulary.
  const std::vector<uint8_t>& order() const { return order_; }
  // The characters (UTF-8) of bytes.
  std::string characters(std::string_view bytes) const;
  // The bytes of characters (UTF-8); nothing when one is not of the alphabet.
  std::optional<std::string> bytes(std::string_view characters) const;

 private:
  std::vector<uint8_t> order_;
  std::string character_of_[256];
  int16_t byte_of_[0x180];  // by code point, -1: none
};

// Built once, at the first call.
const ByteAlphabet& byte_alphabet();

}  // namespace aot
