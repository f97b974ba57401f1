#include "takeover.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace limpet::daemon {

Result<std::optional<pid_t>> daemon_on(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return fail("[limpetd] socket: {} is too long", socket_path);
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return fail("[limpetd] socket: {}", std::strerror(errno));
  }
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = connected && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  close(fd);
  if (!connected && (error == ENOENT || error == ECONNREFUSED)) {
    return std::nullopt;
  }
  if (!known || peer.pid <= 0) {
    return fail("the limpetd on {} cannot be found: {}", socket_path,
                connected ? "it is not of this container's" : std::strerror(error));
  }
  return peer.pid;
}

Result<void> ask_to_end(pid_t process) {
  if (kill(process, SIGTERM) != 0 && errno != ESRCH) {
    return fail("the limpetd that runs (process {}) cannot be told to end: {}", process, std::strerror(errno));
  }
  return {};
}

}  // namespace limpet::daemon
