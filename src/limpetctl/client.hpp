// The connection to the daemon: one request, one reply, in turn. Blocking.
#pragma once

#include <string>

#include "api/wire.hpp"
#include "base/result.hpp"

namespace limpet::ctl {

class Client {
 public:
  explicit Client(std::string socket) : socket_(std::move(socket)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Connects when needed. The outer error: no connection, with the reason. A lost connection is tried anew at
  /// the next call.
  Result<tl::expected<api::Json, api::RpcError>> call(std::string_view method, const api::Json& params);
  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }

 private:
  Result<void> connect();
  Result<void> send(std::string_view line);
  Result<std::string> receive();
  void disconnect() noexcept;

  std::string socket_;
  int descriptor_ = -1;
  std::int64_t next_id_ = 1;
  api::LineReader reader_{api::reply_size_max_bytes};
};

}  // namespace limpet::ctl
