// Writes down what clients and backends say in spliced connections, by what a rig answers.
#pragma once

#include "spliced_run.hpp"

namespace limpet::perf {

class Script {
 public:
  /// Connections `first` and `count` - 1 more, side by side.
  Script(Rig& rig, ScriptIo& io, std::uint32_t first, std::uint32_t count);

  /// SYN, its acknowledgment and a first request, with the backend's SYN-ACK and answer.
  void open(std::vector<Arrival>& to);
  /// One more request and its answer, acknowledged.
  void ask(std::vector<Arrival>& to);
  /// The backend ends it, then the client.
  void close(std::vector<Arrival>& to);

 private:
  struct Connection {
    net::IpAddress client;
    std::uint16_t client_port = 0;
    std::string request;
    std::uint32_t client_next = 0, client_heard = 0;  // as the client numbers
    net::Endpoint backend;
    std::uint32_t backend_next = 0, backend_heard = 0;
  };
  /// What one connection says at a time.
  struct Words {
    std::uint8_t tcp_flags = net::tcp_flag::ack;
    std::string_view text{};
    test::Bytes options{};
  };

  /// Each client says it; what comes of it leaves by `port`, one frame a connection, or not at all.
  enum class Effect : std::uint8_t { none, to_client, to_backend };
  template <class WordsOf>
  void clients_say(std::vector<Arrival>& to, Effect effect, WordsOf&& words);
  template <class WordsOf>
  void backends_say(std::vector<Arrival>& to, Effect effect, WordsOf&& words);
  void say(std::vector<Arrival>& to, Arrival arrival, Effect effect);
  void hear(const ScriptIo::Sent& sent);

  Rig& rig_;
  ScriptIo& io_;
  std::vector<Connection> connections_;
};

}  // namespace limpet::perf
