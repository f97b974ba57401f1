#include "client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace limpet::ctl {

Client::~Client() {
  disconnect();
}

void Client::disconnect() noexcept {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
  reader_ = api::LineReader(api::reply_size_max_bytes);
}

Result<void> Client::connect() {
  if (descriptor_ >= 0) {
    return {};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) {
    return fail("{}: a socket's path has 1 to {} bytes", socket_, sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // connect(2) takes every family's address through the generic type
  if (descriptor_ < 0 || ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    disconnect();
    const char* hint = error == ENOENT || error == ECONNREFUSED ? "; is limpetd running?"
                       : error == EACCES                        ? "; try as root"
                                                                : "";
    return fail("{}: {}{}", socket_, std::strerror(error), hint);
  }
  return {};
}

Result<void> Client::send(std::string_view line) {
  while (!line.empty()) {
    const auto sent = ::send(descriptor_, line.data(), line.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return fail("{}: {}", socket_, std::strerror(errno));
    }
    line.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> Client::receive() {
  char chunk[65536];
  while (true) {
    auto next = reader_.next();
    if (next.status == api::LineReader::Status::line) {
      return std::move(next.line);
    }
    if (next.status == api::LineReader::Status::too_large) {
      return fail("{}: the answer is too large", socket_);
    }
    const auto size = ::recv(descriptor_, chunk, sizeof chunk, 0);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return fail("{}: {}", socket_, size == 0 ? "the daemon closed the connection" : std::strerror(errno));
    }
    reader_.feed({chunk, static_cast<std::size_t>(size)});
  }
}

Result<tl::expected<api::Json, api::RpcError>> Client::call(std::string_view method, const api::Json& params) {
  if (auto connected = connect(); !connected) {
    return tl::unexpected<Error>(connected.error());
  }
  const auto id = next_id_++;
  const auto line = send(api::request_line(id, method, params)).and_then([&] { return receive(); });
  if (!line) {
    disconnect();
    return tl::unexpected<Error>(line.error());
  }
  auto reply = api::parse_reply(*line);
  const bool ours = reply.id == id || reply.id.is_null();
  if (!ours) {
    disconnect();
    return fail("{}: an answer to another request", socket_);
  }
  return std::move(reply.result);
}

}  // namespace limpet::ctl
