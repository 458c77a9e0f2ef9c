#include "tokenizer/byte_alphabet.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace aot {

ByteAlphabet::ByteAlphabet() {
  const auto stands_for_itself = [](int byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
  };
  std::fill(std::begin(byte_of_), std::end(byte_of_), int16_t{-1});
  const auto add = [&](int byte, uint32_t code_point) {
    order_.push_back(static_cast<uint8_t>(byte));
    append_utf8(character_of_[byte], code_point);
    byte_of_[code_point] = static_cast<int16_t>(byte);
  };
  for (int byte = 0; byte < 256; byte++) {
    if (stands_for_itself(byte)) add(byte, static_cast<uint32_t>(byte));
  }
  uint32_t next = 0x100;
  for (int byte = 0; byte < 256; byte++) {
    if (!stands_for_itself(byte)) add(byte, next++);
  }
}

std::string ByteAlphabet::characters(std::string_view bytes) const {
  std::string characters;
  for (const char byte : bytes) characters += character_of_[static_cast<uint8_t>(byte)];
  return characters;
}

std::optional<std::string> ByteAlphabet::bytes(std::string_view characters) const {
  std::string bytes;
  for (size_t at = 0; at < characters.size();) {
    if (at + utf8_length(static_cast<uint8_t>(characters[at])) > characters.size()) return std::nullopt;
    uint32_t length;
    const uint32_t code_point = decode_utf8(reinterpret_cast<const uint8_t*>(characters.data()) + at, length);
    if (code_point >= std::size(byte_of_) || byte_of_[code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(byte_of_[code_point]);
    at += length;
  }
  return bytes;
}

const ByteAlphabet& byte_alphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

}  // namespace aot
