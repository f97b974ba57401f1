// A socket to ask the kernel by.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

namespace limpet::nic {

/// Closed at its end. fd() is negative where the kernel gave none.
class Socket {
 public:
  Socket(int family, int type, int protocol) noexcept : fd_(socket(family, type | SOCK_CLOEXEC, protocol)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace limpet::nic
