// A client and a backend that say anything at all around a service that completes handshakes itself: whatever they
// send, and in whatever order, every packet ends exactly once, nothing that waits is left over, and no session moves
// without a reason. Input: pieces of four bytes and a body; see Step.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "replay/node.hpp"
#include "support/two_ports.hpp"

namespace {

using namespace limpet;
using counters::Counter;
using test::back_mac;
using test::back_port;
using test::Bytes;
using test::front_mac;
using test::front_port;
using test::gateway_mac;
using test::ip;
using test::PacketBuilder;

const net::Mac backend_mac{{2, 0, 0, 0, 1, 1}};

model::Model declare() {
  model::Model model;
  test::declare_ports(model);
  for (const char* backend : {"198.51.100.11", "198.51.100.12", "198.51.100.13"}) {
    model.ports["back"].neighbors[ip(backend)] = backend_mac;
    model.pools["web"].backends[backend + 11].addresses = {{ip(backend), 8080}};
  }
  model::Profile& cookie = model.profiles["cookie"];
  cookie.type = model::ProfileType::cookie;
  cookie.name = "S";
  cookie.by = model::By::route;
  model.profiles["ticket"].type = model::ProfileType::tls_ticket;
  model.profiles["session"].type = model::ProfileType::tls_session_id;
  model.profiles["header"].type = model::ProfileType::header;
  model.profiles["header"].name = "X";
  for (const auto& [name, by] : {std::pair{"insert", model::By::insert}, std::pair{"rewrite", model::By::rewrite}}) {
    model.profiles[name] = {.type = model::ProfileType::cookie, .name = "R", .by = by};
  }
  model.profiles["cookie"].close_on_conflict = true;
  for (const auto& [name, vip] : {std::pair{"nat", "192.0.2.10/32"}, std::pair{"local", "192.0.2.11/32"}}) {
    model::Service& service = model.services[name];
    service.pool = "web";
    service.listen = {{test::prefix(vip), 80, net::Protocol::tcp}};
    service.persist = {"cookie", "header", "ticket", "session", name == std::string_view("nat") ? "insert" : "rewrite"};
    service.inspect_delay_ms = 500;
    service.max_mss = 536;  // what any backend takes
  }
  model.services["local"].forwarding = model::Forwarding::full_nat;
  model.services["local"].local_addresses = {test::prefix("198.51.100.200/32")};
  model.services["local"].client_address = model::ClientAddress::proxy_v2;
  return model;
}

/// One of two connections, one through each service; what it does next.
struct Step {
  unsigned kind;           // low bits of byte 0; bit 7: which connection
  std::uint8_t tcp_flags;  // byte 1
  std::int8_t by;          // byte 2: how far beside the expected sequence number
  std::uint8_t size;       // byte 3: of the body
};

class World {
 public:
  World() {
    static const model::Model model = declare();
    node_ = std::move(*replay::Node::create(
        model, hash::fixed_secret(),
        {.flows_max = 64, .records_max = 64, .limits = {.awaited_max = 4, .awaited_held_max = 8, .replies_max = 2}}));
  }

  void take(const Step& step, bool second, Bytes body) {
    Ends& ends = ends_[second ? 1 : 0];
    const net::IpAddress vip = ip(second ? "192.0.2.11" : "192.0.2.10");
    PacketBuilder builder;
    switch (step.kind % 5) {
      case 0:
        builder.ethernet(gateway_mac, front_mac).ip(ip("10.0.0.1"), vip).tcp(1000, 80, step.tcp_flags);
        builder.numbers(ends.client + static_cast<std::uint32_t>(step.by), ends.own + 1);
        ends.client += static_cast<std::uint32_t>(step.by == 0 ? body.size() : 0);
        return send(front_port, builder.payload(std::move(body)).build());
      case 1:
        builder.ethernet(gateway_mac, front_mac)
            .ip(ip("10.0.0.1"), vip)
            .tcp(1000, 80, net::tcp_flag::syn, options(body));
        ends.client = 0xfffffff0u + static_cast<std::uint32_t>(step.by);
        builder.numbers(ends.client, 0);
        ++ends.client;
        return send(front_port, builder.build());
      case 2:
        builder.ethernet(backend_mac, back_mac)
            .ip(ends.seen.destination.is_none() ? ip("198.51.100.11") : ends.seen.destination,
                ends.seen.source.is_none() ? ip("10.0.0.1") : ends.seen.source)
            .tcp(ends.seen.destination_port, ends.seen.source_port, step.tcp_flags,
                 (step.tcp_flags & net::tcp_flag::syn) != 0 ? options(body) : Bytes{});
        builder.numbers(ends.backend + static_cast<std::uint32_t>(step.by), ends.seen_next);
        ends.backend += static_cast<std::uint32_t>(step.by == 1 ? body.size() : 0);  // what comes next, behind the SYN
        return send(back_port, builder.payload(std::move(body)).build());
      case 3:
        return node_->advance(node_->now_ms() + 10u * step.tcp_flags);
      default:
        builder.ethernet(backend_mac, back_mac).ip(ip("198.51.100.11"), ip("10.0.0.1"));
        builder.icmp(net::icmp::unreachable, step.tcp_flags, {0, 0, 5, 0}).payload(ends.quoted);
        return send(back_port, builder.build());
    }
  }

  void check() {
    for (int second = 0; second < 15; ++second) {
      node_->advance(node_->now_ms() + 1000);
      learn();
    }
    std::uint64_t drops = 0;
    for (std::size_t i = 0; i < counters::counter_count; ++i) {
      drops += counters::descriptions[i].is_drop ? node_->counter(static_cast<Counter>(i)) : 0;
    }
    const path::State& state = node_->state(0);
    LIMPET_ASSERT(state.awaited.count() == 0 && state.awaited.held() == 0);
    LIMPET_ASSERT(node_->counter(Counter::received) + node_->counter(Counter::from_control) +
                      node_->counter(Counter::made) ==
                  node_->counter(Counter::transmitted) + node_->counter(Counter::punted) + drops + state.waiting.count +
                      state.fragments.held());
    LIMPET_ASSERT(node_->violations() == 0);
  }

 private:
  struct Ends {
    std::uint32_t client = 1, own = 1, backend = 5000;
    net::Parsed seen;             // what the backend was sent last
    std::uint32_t seen_next = 0;  // and acknowledges
    Bytes quoted;
  };

  static Bytes options(const Bytes& body) {
    Bytes made(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(body.size(), 40)));
    made.resize(made.size() / 4 * 4);
    return made;
  }

  void send(PortIndex port, const Bytes& frame) {
    node_->receive(port, 0, frame);
    learn();
  }

  void learn() {
    for (const replay::Sent& sent : node_->take_sent()) {
      net::Parsed parsed;
      net::parse(sent.bytes.data(), sent.bytes.size(), sent.bytes.size(), parsed);
      LIMPET_ASSERT(parsed.error == net::ParseError::none);
      if (parsed.protocol != net::ip_protocol::tcp || parsed.l4_offset == 0) {
        continue;
      }
      const std::uint32_t sequence = net::tcp_sequence(sent.bytes.data(), parsed);
      if (sent.port == front_port) {
        ends_[parsed.source == ip("192.0.2.11") ? 1 : 0].own =
            sequence + static_cast<std::uint32_t>(net::tcp_payload_size(sent.bytes.data(), parsed)) -
            ((parsed.tcp_flags & net::tcp_flag::syn) != 0 ? 0 : 1);
        continue;
      }
      Ends& ends = ends_[parsed.source == ip("198.51.100.200") ? 1 : 0];
      ends.seen = parsed;
      ends.seen_next = sequence + static_cast<std::uint32_t>(net::tcp_payload_size(sent.bytes.data(), parsed)) +
                       ((parsed.tcp_flags & net::tcp_flag::syn) != 0 ? 1 : 0);
      ends.quoted.assign(sent.bytes.begin() + parsed.l3_offset, sent.bytes.end());
    }
  }

  std::unique_ptr<replay::Node> node_;
  Ends ends_[2];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  for (unsigned steps = 0; size >= 4 && steps < 64; ++steps) {
    const Step step{data[0] & 0x7fu, data[1], static_cast<std::int8_t>(data[2]), data[3]};
    const bool second = (data[0] & 0x80) != 0;
    const std::size_t body = std::min<std::size_t>(step.size, size - 4);
    world.take(step, second, Bytes(data + 4, data + 4 + body));
    data += 4 + body;
    size -= 4 + body;
  }
  world.check();
  return 0;
}
