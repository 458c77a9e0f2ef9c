// defines: aot::Socket, aot::listen_anywhere, aot::port_of, aot::connect_to, aot::own_addresses
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace aot {

// A socket that never makes its thread wait.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket();

  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  void close() { Socket().swap(*this); }
  // The next connection to a listening socket, or none.
  Socket accept() const;
  // Whether all of it has gone to the kernel.
  bool send(const std::string& bytes) const;
  // Adds what has come to bytes. False: the other side is gone.
  bool receive(std::string& bytes) const;
  // Whether something has come, or does within so many seconds.
  bool wait(double seconds) const;

 private:
  void swap(Socket& other) { std::swap(descriptor_, other.descriptor_); }
  int descriptor_ = -1;
};

// On a free port of every address of this machine; none when the system refuses.
Socket listen_anywhere();
int port_of(const Socket& socket);
// None: it cannot be reached, or not within so many seconds.
Socket connect_to(const std::string& address, int port, double seconds);
// By which other machines may reach this one, in digits.
std::vector<std::string> own_addresses();

}  // namespace aot
