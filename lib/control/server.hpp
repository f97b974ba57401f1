// The Unix socket: JSON-RPC lines in, reply lines out (docs/wire.md). Control thread; never waits for a client.
// Root and the daemon's user may write; others who can open the socket (its group) may read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "api/dispatcher.hpp"
#include "base/result.hpp"
#include "control/event_log.hpp"
#include "control/loop.hpp"

namespace limpet::control {

struct ServerLimits {
  std::size_t clients = 64;                  // at once; more are told so and closed
  std::size_t output_soft_bytes = 1u << 20;  // no further request is begun while more waits to be read
  std::size_t output_max_bytes = 64u << 20;  // a client that lets more wait is closed
  Millis stall_ms = 30'000;                  // half a request, or an unread reply, for so long: closed
};

class Server {
 public:
  /// `dispatcher` and `events` outlive the server.
  Server(event_base* base, const api::Dispatcher& dispatcher, EventLog& events, ServerLimits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Makes the socket, mode 0660. A file left by a daemon that is gone is replaced; one in use is an error.
  Result<void> listen(const std::string& path);
  [[nodiscard]] std::size_t clients() const noexcept { return clients_.size(); }

 private:
  class Client;
  friend class Client;
  void accept_some();
  void refuse(int fd);
  void forget(std::uint64_t number) { clients_.erase(number); }

  event_base* base_;
  const api::Dispatcher& dispatcher_;
  EventLog& events_;
  ServerLimits limits_;
  std::string path_;  // to remove at the end
  Fd socket_;
  std::unique_ptr<Event> readable_;
  std::unique_ptr<Event> pause_;  // after a failed accept
  std::uint64_t next_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Client>> clients_;
};

}  // namespace limpet::control
