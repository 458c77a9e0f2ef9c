// defines: aot::Digest, aot::digest_of
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace aot {

// XXH3-128 of bytes that come part by part, as 32 hexadecimal digits (those of `xxhsum -H2`). It finds damage; it does
// not keep out a forger. Not for several threads at once.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void add(const void* data, size_t bytes);
  void add(std::string_view bytes) { add(bytes.data(), bytes.size()); }
  // Of all bytes so far; more may follow.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same digits for bytes that are all there.
std::string digest_of(std::string_view bytes);

}  // namespace aot
