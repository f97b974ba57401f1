// One client of the socket: reads lines, begins one request at a time, writes replies. Control thread.
// What a client can make the daemon hold is bounded: one line of input, a few replies of output.
#pragma once

#include <event2/bufferevent.h>

#include <functional>
#include <memory>
#include <string>

#include "api/dispatcher.hpp"
#include "control/server.hpp"

namespace limpet::control {

struct ClientSettings {
  api::Access access = api::Access::read;
  ServerLimits limits;
  std::function<void()> forget;  // drops the server's hold of the client
};

class Server::Client : public std::enable_shared_from_this<Client> {
 public:
  /// Takes `fd`.
  Client(event_base* base, int fd, const api::Dispatcher& dispatcher, ClientSettings settings);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();
  void begin();

 private:
  static void on_read(bufferevent*, void* self);
  static void on_write(bufferevent*, void* self);
  static void on_event(bufferevent*, short what, void* self);

  void take_input();
  void work();
  void handle(const std::string& line);
  void send(const std::string& line);
  void on_reply(const std::string& line);
  void end_of_input();
  void on_stall(short what);
  void close();
  [[nodiscard]] bool has_left() const;
  [[nodiscard]] std::size_t waiting_bytes() const;

  const api::Dispatcher& dispatcher_;
  ClientSettings settings_;
  bufferevent* stream_;
  api::LineReader lines_;
  bool asked_ = false;    // a request is being worked on
  bool working_ = false;  // work() is on the stack
  bool ended_ = false;    // the client will send no more
  bool closed_ = false;
};

}  // namespace limpet::control
