#include "control/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "control/client.hpp"

namespace limpet::control {
namespace {

constexpr int backlog = 64;
constexpr int accepts_at_once = 16;
constexpr Millis accept_pause_ms = 100;

api::Access access_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return api::Access::read;
  }
  return peer.uid == 0 || peer.uid == geteuid() ? api::Access::write : api::Access::read;
}

/// Whether a daemon answers at this path.
bool is_alive(const sockaddr_un& address) {
  const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int status = connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return status == 0 || errno == EAGAIN;  // EAGAIN: its backlog is full
}

/// Makes way for a new socket at `path`.
Result<void> clear_way(const std::string& path, const sockaddr_un& address) {
  struct stat about {};
  if (lstat(path.c_str(), &about) != 0) {
    return errno == ENOENT ? Result<void>() : fail("socket {}: {}", path, std::strerror(errno));
  }
  if (!S_ISSOCK(about.st_mode)) {
    return fail("socket {}: the file there is no socket; remove it or set limpetd.socket", path);
  }
  if (is_alive(address)) {
    return fail("socket {}: in use by another limpetd; stop it or set limpetd.socket", path);
  }
  if (unlink(path.c_str()) != 0) {
    return fail("socket {}: {}", path, std::strerror(errno));
  }
  return {};
}

}  // namespace

Server::Server(event_base* base, const api::Dispatcher& dispatcher, EventLog& events, ServerLimits limits)
    : base_(base), dispatcher_(dispatcher), events_(events), limits_(limits) {
  signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of write, not the end of the daemon
}

Server::~Server() {
  clients_.clear();
  if (!path_.empty()) {
    unlink(path_.c_str());
  }
}

Result<void> Server::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail("socket \"{}\": a path of 1 to {} bytes is needed", path, sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    mkdir(path.substr(0, slash).c_str(), 0755);  // bind tells what is wrong if this fails
  }
  if (auto clear = clear_way(path, address); !clear) {
    return clear;
  }
  Fd made(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const mode_t mask = umask(0117);  // the file never has a wider mode than 0660
  const int bound = bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bind_error = errno;
  umask(mask);
  if (bound != 0) {
    return fail("socket {}: {}", path, std::strerror(bind_error));
  }
  path_ = path;
  if (::listen(made.get(), backlog) != 0) {
    return fail("socket {}: {}", path, std::strerror(errno));
  }
  socket_ = std::move(made);
  readable_ = std::make_unique<Event>(base_, socket_.get(), EV_READ | EV_PERSIST, [this](short) { accept_some(); });
  readable_->add();
  pause_ = std::make_unique<Event>(base_, -1, 0, [this](short) { readable_->add(); });
  return {};
}

void Server::accept_some() {
  for (int i = 0; i < accepts_at_once; ++i) {
    const int fd = accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        events_.add("daemon", fmt::format("can't accept clients: {}", std::strerror(errno)));
        readable_->remove();
        pause_->add(accept_pause_ms);
      }
      return;
    }
    if (clients_.size() >= limits_.clients) {
      refuse(fd);
      continue;
    }
    const std::uint64_t number = next_++;
    const ClientSettings settings{access_of(fd), limits_, [this, number] { forget(number); }};
    clients_.emplace(number, std::make_shared<Client>(base_, fd, dispatcher_, settings)).first->second->begin();
  }
}

void Server::refuse(int fd) {
  const Fd closed_at_end(fd);
  const std::string line = api::error_line(
      nullptr, {api::Code::busy, fmt::format("{} clients are connected already; try again", limits_.clients), nullptr});
  // A fresh socket's buffer takes this; what the peer sent is read so that closing does not discard the reply.
  static_cast<void>(send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  shutdown(fd, SHUT_WR);
  char ignored[4096];
  static_cast<void>(recv(fd, ignored, sizeof ignored, MSG_DONTWAIT));
}

}  // namespace limpet::control
