// A small TCP server on the loopback, a client of the Unix socket, a directory that goes away.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "api/wire.hpp"
#include "control/loop.hpp"
#include "net/address.hpp"

namespace limpet::control {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "limpet-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Accepts connections one after another and hands each to `serve` (any thread of its own).
class LoopbackServer {
 public:
  using Serve = std::function<void(int fd)>;
  explicit LoopbackServer(Serve serve) : serve_(std::move(serve)) {
    socket_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_.get(), 64), 0);
    socklen_t size = sizeof address;
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { loop(); });
  }
  ~LoopbackServer() {
    stopping_ = true;
    thread_.join();
  }
  [[nodiscard]] net::Endpoint endpoint() const { return {*net::IpAddress::parse("127.0.0.1"), port_}; }

 private:
  void loop() {
    while (!stopping_) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (poll(&ready, 1, 5) > 0) {
        const Fd client(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const timeval patience{2, 0};
        setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        serve_(client.get());
      }
    }
  }
  Serve serve_;
  Fd socket_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// Reads a request and answers with these bytes.
inline LoopbackServer::Serve answer_with(std::string bytes) {
  return [bytes](int fd) {
    char request[2048];
    static_cast<void>(recv(fd, request, sizeof request, 0));
    static_cast<void>(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  };
}

/// A blocking client of a Unix socket, with patience of 10 s.
class UnixClient {
 public:
  explicit UnixClient(const std::string& path) {
    socket_ = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval patience{10, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// One line without its end; empty at the end of the stream.
  std::string line() {
    for (;;) {
      if (const auto end = read_.find('\n'); end != std::string::npos) {
        auto result = read_.substr(0, end);
        read_.erase(0, end + 1);
        return result;
      }
      char buffer[65536];
      const auto got = recv(socket_.get(), buffer, sizeof buffer, 0);
      if (got <= 0) {
        return {};
      }
      read_.append(buffer, static_cast<std::size_t>(got));
    }
  }
  api::Reply reply() { return api::parse_reply(line()); }
  void finish_sending() { shutdown(socket_.get(), SHUT_WR); }
  auto call(std::string_view method, const api::Json& params = api::Json::object()) {
    send(api::request_line(++id_, method, params));
    return reply().result;
  }

 private:
  Fd socket_;
  bool connected_ = false;
  int id_ = 0;
  std::string read_;
};

/// Waits for something that another thread brings about.
inline bool eventually(const std::function<bool()>& holds, int patience_ms = 10'000) {
  for (int i = 0; i < patience_ms; ++i) {
    if (holds()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// Turns a loop until something holds.
inline bool loop_until(event_base* base, const std::function<bool()>& holds, int patience_ms = 10'000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (!holds() && std::chrono::steady_clock::now() < end) {
    event_base_loop(base, EVLOOP_NONBLOCK);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return holds();
}

}  // namespace limpet::control
