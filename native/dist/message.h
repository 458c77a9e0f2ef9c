// defines: aot::MessageKind, aot::Message, aot::Link
#pragma once
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "dist/sockets.h"

namespace aot {

enum class MessageKind : uint8_t {
  hello,    // the job's token, then the rank
  welcome,  // the job's answer
  beat,     // collectives entered, by channel
  devices,  // of the sender
  over,     // a line: why the job is over
  left
};

struct Message {
  MessageKind kind;
  std::string text;
};

// Messages over a socket. They are small: when one does not go out at once, the other side has not read for long, and
// counts as gone.
class Link {
 public:
  Link() = default;
  explicit Link(Socket socket) : socket_(std::move(socket)) {}
  explicit operator bool() const { return static_cast<bool>(socket_); }
  const Socket& socket() const { return socket_; }
  void close() { socket_.close(); }

  bool send(MessageKind kind, const std::string& text) {
    const auto bytes = static_cast<uint32_t>(text.size());
    std::string frame(1, static_cast<char>(kind));
    frame.append(reinterpret_cast<const char*>(&bytes), sizeof bytes).append(text);
    return socket_.send(frame);
  }
  // Reads what is there. False: the other side is gone, or is none of ours; what came before can still be taken.
  bool read() { return socket_.receive(input_) && input_.size() < most; }
  std::optional<Message> take() {
    uint32_t bytes = 0;
    if (input_.size() < header) return std::nullopt;
    std::memcpy(&bytes, input_.data() + 1, sizeof bytes);
    if (input_.size() - header < bytes) return std::nullopt;
    Message message{static_cast<MessageKind>(input_[0]), input_.substr(header, bytes)};
    input_.erase(0, header + bytes);
    return message;
  }
  // The next message, when it comes within so many seconds.
  std::optional<Message> await(double seconds) {
    std::optional<Message> message = take();
    while (!message && socket_.wait(seconds) && read()) message = take();
    return message;
  }

 private:
  static constexpr size_t header = 1 + sizeof(uint32_t), most = 1 << 20;
  Socket socket_;
  std::string input_;
};

}  // namespace aot
