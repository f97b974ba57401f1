#include "script.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "net/parse.hpp"
#include "net/tcp_edit.hpp"

namespace limpet::perf {
namespace {

namespace tcp = net::tcp_flag;
using test::Bytes;

const PortIndex back_port{0}, front_port{1};
constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nb1\n";
/// As Linux offers them: segments of 1460 bytes, SACK, time stamps, a window scale of 7.
const Bytes offer{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
const Bytes answer_offer{2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};

}  // namespace

Script::Script(Rig& rig, ScriptIo& io, std::uint32_t first, std::uint32_t count) : rig_(rig), io_(io) {
  const Estate& estate = rig.setup().estate;
  for (std::uint32_t i = first; i < first + count; ++i) {
    Connection& made = connections_.emplace_back();
    made.client = client_address(net::Family::v4, i);
    made.client_port = static_cast<std::uint16_t>(1024 + i);
    made.request =
        fmt::format("GET / HTTP/1.1\r\nHost: www.example\r\nCookie: SERVER=b{}\r\n\r\n", i % estate.pool_backends);
    made.client_next = 1000 * i;
    made.backend_next = 77'000 * i;
  }
}

void Script::hear(const ScriptIo::Sent& sent) {
  net::Parsed parsed;
  const std::uint8_t* const frame = sent.frame.data();
  net::parse(frame, sent.frame.size(), sent.frame.size(), parsed);
  const bool to_client = sent.port == front_port;
  const std::uint16_t client_port = to_client ? parsed.destination_port : parsed.source_port;
  for (Connection& one : connections_) {
    if (one.client_port != client_port) {
      continue;
    }
    const bool counts_one = (parsed.tcp_flags & (tcp::syn | tcp::fin)) != 0;
    const auto next = net::tcp_sequence(frame, parsed) +
                      static_cast<std::uint32_t>(net::tcp_payload_size(frame, parsed)) + (counts_one ? 1 : 0);
    (to_client ? one.client_heard : one.backend_heard) = next;
    if (!to_client) {
      one.backend = {parsed.destination, parsed.destination_port};
    }
  }
}

void Script::say(std::vector<Arrival>& to, Arrival arrival, Effect effect) {
  std::vector<ScriptIo::Sent> sent;
  io_.learn(&sent);
  io_.load(arrival);
  path::turn(rig_.state(), rig_.plan(), io_, rig_.clock().now_ms());
  io_.learn(nullptr);
  if (sent.size() != (effect == Effect::none ? 0 : connections_.size())) {
    throw std::runtime_error(fmt::format("{} frames of {} connections left", sent.size(), connections_.size()));
  }
  for (const ScriptIo::Sent& one : sent) {
    if (one.port != (effect == Effect::to_client ? front_port : back_port)) {
      throw std::runtime_error("a frame left by another port than its connection calls for");
    }
    hear(one);
  }
  to.push_back(std::move(arrival));
}

template <class WordsOf>
void Script::clients_say(std::vector<Arrival>& to, Effect effect, WordsOf&& words) {
  Arrival arrival{front_port, {}};
  for (Connection& one : connections_) {
    const Words said = words(one);
    const bool counts_one = (said.tcp_flags & (tcp::syn | tcp::fin)) != 0;
    arrival.frames.push_back(test::PacketBuilder()
                                 .ethernet(client_gateway_mac, front_mac)
                                 .ip(one.client, addresses(net::Family::v4).vip)
                                 .tcp(one.client_port, vip_port, said.tcp_flags, said.options)
                                 .numbers(one.client_next, one.client_heard, 502)
                                 .payload(said.text)
                                 .build());
    one.client_next += static_cast<std::uint32_t>(said.text.size()) + (counts_one ? 1 : 0);
  }
  say(to, std::move(arrival), effect);
}

template <class WordsOf>
void Script::backends_say(std::vector<Arrival>& to, Effect effect, WordsOf&& words) {
  Arrival arrival{back_port, {}};
  for (Connection& one : connections_) {
    const Words said = words(one);
    const bool counts_one = (said.tcp_flags & (tcp::syn | tcp::fin)) != 0;
    arrival.frames.push_back(test::PacketBuilder()
                                 .ethernet(backend_gateway_mac, back_mac)
                                 .ip(one.backend.address, one.client)
                                 .tcp(one.backend.l4_port, one.client_port, said.tcp_flags, said.options)
                                 .numbers(one.backend_next, one.backend_heard, 509)
                                 .payload(said.text)
                                 .build());
    one.backend_next += static_cast<std::uint32_t>(said.text.size()) + (counts_one ? 1 : 0);
  }
  say(to, std::move(arrival), effect);
}

void Script::open(std::vector<Arrival>& to) {
  clients_say(to, Effect::to_client, [](const auto&) { return Words{tcp::syn, {}, offer}; });
  clients_say(to, Effect::none, [](const auto&) { return Words{}; });
  clients_say(to, Effect::to_backend, [](const Connection& one) { return Words{tcp::ack | tcp::psh, one.request}; });
  backends_say(to, Effect::to_backend, [](const auto&) { return Words{tcp::syn | tcp::ack, {}, answer_offer}; });
  backends_say(to, Effect::to_client, [](const auto&) { return Words{tcp::ack | tcp::psh, answer}; });
  clients_say(to, Effect::to_backend, [](const auto&) { return Words{}; });
}

void Script::ask(std::vector<Arrival>& to) {
  clients_say(to, Effect::to_backend, [](const Connection& one) { return Words{tcp::ack | tcp::psh, one.request}; });
  backends_say(to, Effect::to_client, [](const auto&) { return Words{tcp::ack | tcp::psh, answer}; });
  clients_say(to, Effect::to_backend, [](const auto&) { return Words{}; });
}

void Script::close(std::vector<Arrival>& to) {
  backends_say(to, Effect::to_client, [](const auto&) { return Words{tcp::fin | tcp::ack}; });
  clients_say(to, Effect::to_backend, [](const auto&) { return Words{tcp::fin | tcp::ack}; });
  backends_say(to, Effect::to_client, [](const auto&) { return Words{}; });
}

}  // namespace limpet::perf
