// Clients and backends with TCP of their own around a lab, and what lies between them: packets that take their time,
// get lost or come twice, by seed.
#pragma once

#include <memory>
#include <random>

#include "lab.hpp"
#include "plan/promise.hpp"
#include "support/tcp_peer.hpp"

namespace limpet::path {

using test::TcpPeer;

class DelayWorld {
 public:
  struct Weather {
    unsigned loss_percent = 0, twice_percent = 0, late_percent = 0;
    std::uint32_t seed = 1;
    Millis front_ms = 5, back_ms = 5;  // one way, to clients and backends; multiples of 5
  };
  /// What each backend is like; by name, "" for all others.
  struct Backend {
    bool refuses = false, is_silent = false;
    TcpPeer::Options tcp{};
  };

  explicit DelayWorld(Lab& lab) : DelayWorld(lab, Weather{}) {}
  DelayWorld(Lab& lab, const Weather& weather) : lab_(lab), weather_(weather), random_(weather.seed) {}

  std::map<std::string, Backend> backends{{"", {}}};

  TcpPeer& client(std::string_view own, std::string_view vip = "192.0.2.10:80", TcpPeer::Options options = {}) {
    options.own = endpoint(own);
    options.remote = endpoint(vip);
    options.own_mac = gateway_mac;
    options.next_mac = front_mac;
    options.first = 0xfffffff0u + static_cast<std::uint32_t>(random_());
    auto& made = *clients_.emplace_back(std::make_unique<TcpPeer>(options));
    made.connect(now());
    collect(made, front_port);
    return made;
  }
  struct Server {
    std::string name;
    std::unique_ptr<TcpPeer> peer;
  };
  /// Connections that backends have taken, in order.
  std::vector<Server> servers;

  /// Until nothing is under way, or this time is over.
  void run(Millis ms) {
    const Millis until = now() + ms;
    while (now() < until) {
      step();
    }
  }
  template <class F>
  bool run_until(F&& done, Millis ms = 60'000) {
    const Millis until = now() + ms;
    while (now() < until && !done()) {
      step();
    }
    return done();
  }
  [[nodiscard]] Millis now() const { return lab_.node->now_ms(); }
  /// The first frame to a backend from now on; the last one that a client has got.
  Out first_to_backends() {
    EXPECT_TRUE(run_until([&] { return to_backends_.has_value(); }));
    return *to_backends_;
  }
  [[nodiscard]] const Out& last_to_clients() const { return *to_clients_; }
  /// The last SYN-ACK that a client has got.
  [[nodiscard]] const Out& syn_ack() const { return *syn_ack_; }

 private:
  struct Frame {
    PortIndex port;
    Bytes bytes;
    bool leaves = false;  // the lab
  };

  bool once_in(unsigned percent) { return percent != 0 && random_() % 100 < percent; }

  void put(PortIndex port, const Bytes& bytes, bool leaves) {
    if (once_in(weather_.loss_percent)) {
      return;
    }
    for (int copies = once_in(weather_.twice_percent) ? 2 : 1; copies > 0; --copies) {
      const Millis way_ms = port == front_port ? weather_.front_ms : weather_.back_ms;
      const Millis due = now() + way_ms + (once_in(weather_.late_percent) ? random_() % 40 : 0);
      wire_.emplace(due, Frame{port, bytes, leaves});
    }
  }
  void collect(TcpPeer& peer, PortIndex port) {
    for (const Bytes& bytes : peer.take()) {
      put(port, bytes, false);
    }
  }
  void collect_lab() {
    for (const Out& out : lab_.take()) {
      put(out.port, out.bytes, true);
    }
  }

  void step() {
    lab_.wait_ms(5);
    collect_lab();
    while (!wire_.empty() && wire_.begin()->first <= now()) {
      const Frame frame = std::move(wire_.begin()->second);
      wire_.erase(wire_.begin());
      frame.leaves ? arrive(frame) : static_cast<void>(lab_.node->receive(frame.port, 0, frame.bytes));
      collect_lab();
    }
    for (auto& one : clients_) {
      one->tick(now());
      collect(*one, front_port);
    }
    for (auto& one : servers) {
      one.peer->tick(now());
      collect(*one.peer, back_port);
    }
  }

  void arrive(const Frame& frame) {
    net::Parsed parsed;
    net::parse(frame.bytes.data(), frame.bytes.size(), frame.bytes.size(), parsed);
    const net::Endpoint from{parsed.source, parsed.source_port}, to{parsed.destination, parsed.destination_port};
    if (frame.port == front_port) {
      to_clients_ = {frame.port, false, frame.bytes, parsed};
      if ((parsed.tcp_flags & flags::syn) != 0) {
        syn_ack_ = to_clients_;
      }
      const auto one = std::find_if(clients_.rbegin(), clients_.rend(), [&](const auto& client) {
        return client->own() == to && client->remote() == from;
      });
      (*one)->receive(parsed, frame.bytes, now());
      return collect(**one, front_port);
    }
    if (!to_backends_) {
      to_backends_ = {frame.port, false, frame.bytes, parsed};
    }
    TcpPeer* server = server_of(from, to, parsed, frame.bytes);
    if (server != nullptr) {
      server->receive(parsed, frame.bytes, now());
      collect(*server, back_port);
    }
  }

  TcpPeer* server_of(const net::Endpoint& client, const net::Endpoint& own, const net::Parsed& parsed,
                     const Bytes& frame) {
    const std::string name = name_at(own.text());
    const Backend& backend = backends.contains(name) ? backends.at(name) : backends.at("");
    for (auto one = servers.rbegin(); one != servers.rend(); ++one) {
      if (one->peer->own() == own && one->peer->remote() == client && !one->peer->finished() &&
          !one->peer->was_reset()) {
        return one->peer.get();
      }
    }
    if ((parsed.tcp_flags & flags::syn) == 0 || backend.is_silent) {
      return nullptr;
    }
    if (backend.refuses) {
      put(back_port, refusal(client, own, net::tcp_sequence(frame.data(), parsed)), false);
      return nullptr;
    }
    TcpPeer::Options options = backend.tcp;
    options.own = own;
    options.remote = client;
    options.own_mac = backend_mac(1);
    options.next_mac = back_mac;
    options.first = static_cast<std::uint32_t>(random_());
    return servers.emplace_back(Server{name, std::make_unique<TcpPeer>(options)}).peer.get();
  }

  /// As RFC 9293, section 3.10.7.1, has it.
  static Bytes refusal(const net::Endpoint& client, const net::Endpoint& own, std::uint32_t sequence) {
    return PacketBuilder()
        .ethernet(backend_mac(1), back_mac)
        .ip(own.address, client.address)
        .tcp(own.l4_port, client.l4_port, flags::rst | flags::ack)
        .numbers(0, sequence + 1, 0)
        .build();
  }

  Lab& lab_;
  Weather weather_;
  std::mt19937 random_;
  std::multimap<Millis, Frame> wire_;
  std::optional<Out> to_backends_, to_clients_, syn_ack_;
  std::vector<std::unique_ptr<TcpPeer>> clients_;
};

/// What monitors may see of a backend.
inline constexpr plan::Accepts accepts_all{1400, 7, plan::Known::yes, plan::Known::yes, plan::Known::yes};

/// They have seen so much of each.
inline void learn(Lab& lab, const plan::Accepts& accepts = accepts_all) {
  const plan::Plan& plan = lab.node->plan();
  for (const plan::Pool& pool : plan.pools) {
    for (const plan::Backend& backend : pool.backends) {
      lab.node->backends()[backend.slot].accepts = accepts.packed();
    }
  }
  for (const plan::Service& service : plan.services) {
    plan::renew_promise(plan, service, lab.node->backends());
  }
}

/// From now on whatever is plain goes the express way.
inline void let_plan_age(Lab& lab) {
  lab.send(
      front_port,
      PacketBuilder().ethernet(gateway_mac, front_mac).ip("10.0.0.1", "192.0.2.10").udp(1, 2).payload("x").build());
  lab.wait_ms(3000);
}

/// The backend that a connection reaches; "" when it is reset, or nobody answers.
inline std::string reached(DelayWorld& world, std::string_view client, const std::string& text,
                           TcpPeer::Options options = {}) {
  const std::size_t before = world.servers.size();
  TcpPeer& peer = world.client(client, "192.0.2.10:80", options);
  peer.write(text);
  world.run_until([&] {
    return peer.was_reset() || (world.servers.size() > before && world.servers.back().peer->received() == text);
  });
  return world.servers.size() > before && !peer.was_reset() ? world.servers.back().name : "";
}

inline const char* const get_request = "GET /index.html HTTP/1.1\r\nHost: web.example\r\n\r\n";

/// Service web reads what clients say: a header first, then a cookie that names the backend.
inline model::Model reading_model() {
  model::Model model = base_model();
  model.profiles["route"] = {
      .type = model::ProfileType::cookie, .name = "SERVER", .by = model::By::route, .delimiter = "."};
  model.profiles["user"] = {.type = model::ProfileType::header, .name = "X-User"};
  model.services["web"].persist = {"route", "user"};
  return model;
}
/// The same with full NAT.
inline model::Model reading_local_model(model::ClientAddress told) {
  model::Model model = reading_model();
  model::Service& web = model.services["web"];
  web.forwarding = model::Forwarding::full_nat;
  web.local_addresses = {prefix("198.51.100.200/32"), prefix("2001:db8:2::200/128")};
  web.client_address = told;
  return model;
}
inline model::Model syn_proxy_model() {
  model::Model model = base_model();
  model.services["web"].syn_proxy = true;
  return model;
}

}  // namespace limpet::path
