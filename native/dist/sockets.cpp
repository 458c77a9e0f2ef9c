#include "dist/sockets.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace aot {
namespace {

// Who never stops sending is not listened to for ever.
constexpr int most_turns = 64;
constexpr int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

bool ready(int descriptor, short events, double seconds) {
  pollfd wanted{descriptor, events, 0};
  return poll(&wanted, 1, static_cast<int>(seconds * 1000)) > 0;
}

// The messages are small and few: each goes out at once.
void send_at_once(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Socket Socket::accept() const {
  Socket socket(accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) send_at_once(socket.descriptor_);
  return socket;
}

bool Socket::send(const std::string& bytes) const {
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

bool Socket::receive(std::string& bytes) const {
  char buffer[4096];
  for (int turn = 0; turn < most_turns; turn++) {
    const ssize_t got = recv(descriptor_, buffer, sizeof buffer, 0);
    if (got > 0) {
      bytes.append(buffer, static_cast<size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    }
  }
  return true;
}

bool Socket::wait(double seconds) const { return ready(descriptor_, POLLIN, seconds); }

Socket listen_anywhere() {
  Socket six(socket(AF_INET6, kind, 0));
  const int off = 0;
  sockaddr_in6 any_six{};
  any_six.sin6_family = AF_INET6;
  if (six && setsockopt(six.descriptor(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
      bind(six.descriptor(), reinterpret_cast<sockaddr*>(&any_six), sizeof any_six) == 0 &&
      listen(six.descriptor(), SOMAXCONN) == 0) {
    return six;
  }
  Socket four(socket(AF_INET, kind, 0));
  sockaddr_in any_four{};
  any_four.sin_family = AF_INET;
  if (four && bind(four.descriptor(), reinterpret_cast<sockaddr*>(&any_four), sizeof any_four) == 0 &&
      listen(four.descriptor(), SOMAXCONN) == 0) {
    return four;
  }
  return Socket();
}

int port_of(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), &bytes);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

Socket connect_to(const std::string& address, int port, double seconds) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return Socket();
  Socket made(socket(found->ai_family, kind, 0));
  const bool begun =
      made && (connect(made.descriptor(), found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS);
  freeaddrinfo(found);
  int error = 0;
  socklen_t bytes = sizeof error;
  if (!begun || !ready(made.descriptor(), POLLOUT, seconds) ||
      getsockopt(made.descriptor(), SOL_SOCKET, SO_ERROR, &error, &bytes) != 0 || error != 0) {
    return Socket();
  }
  send_at_once(made.descriptor());
  return made;
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP) || (entry->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (entry->ifa_addr->sa_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr, text, sizeof text);
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const in6_addr& six = reinterpret_cast<sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      // Addresses of a link mean nothing without the name of the link.
      if (!IN6_IS_ADDR_LINKLOCAL(&six)) inet_ntop(AF_INET6, &six, text, sizeof text);
    }
    if (*text) addresses.push_back(text);
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace aot
