// defines: aot::Digest, aot::digest_of
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace aot {

// The XXH3-128 digest (xxHash) of bytes that come piece by piece: against accidents, not against malice.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void add(const void* data, size_t bytes);
  // Of all bytes so far: 32 hexadecimal digits, the canonical form.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string digest_of(std::string_view bytes);

}  // namespace aot
