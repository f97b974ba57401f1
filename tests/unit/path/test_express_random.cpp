// One world in two nodes, one of which takes the express way: bursts by chance, of good packets and bad ones, while
// backends, plan and neighbours change. Both must send the same frames and keep the same books.
#include <map>
#include <random>
#include <set>

#include "twins.hpp"

namespace limpet::path {
namespace {

constexpr std::uint64_t seeds = 40;
constexpr unsigned steps = 150;

model::Model world_model() {
  auto model = base_model();
  model.services["api"] =
      service("web", {listen("192.0.2.11", 80, net::Protocol::tcp), listen("2001:db8:1::11", 80, net::Protocol::tcp)});
  model.services["direct"] = service("direct", {listen("192.0.2.12", 80, net::Protocol::tcp)});
  model.services["direct"].forwarding = model::Forwarding::dr;
  model.pools["direct"] = pool(5, 7);
  model.services["local"] =
      service("web", {listen("192.0.2.13", 80, net::Protocol::tcp), listen("2001:db8:1::13", 80, net::Protocol::tcp)});
  model.services["local"].forwarding = model::Forwarding::full_nat;
  model.services["local"].local_addresses = {prefix("198.51.100.200/32"), prefix("2001:db8:2::200/128")};
  return model;
}

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), twins_(setup(random_() % 3)) {
    for (std::uint32_t i = 0; i < flows; ++i) {  // two of each address and port, to VIPs with the same backends
      const bool v4 = i % 6 < 4;
      const auto client = v4 ? client_address(1 + i / 2) : ip(fmt::format("2001:db8:c::{}", 1 + i / 2));
      const char* const vip = v4 ? vips[i % std::size(vips)] : vips6[i % std::size(vips6)];
      const auto l4_port = static_cast<std::uint16_t>(1000 + i / 2);
      flows_.push_back({{client, l4_port}, test::endpoint(vip), {}, {}, 0});
    }
  }

  void step() {
    const unsigned dice = below(20);
    if (dice == 0) {
      change_backend();
    } else if (dice == 1) {
      change_model();
    } else if (dice == 2) {
      change_neighbour();
    } else if (dice < 6) {
      wait_ms(random_() % (below(5) == 0 ? 20'000 : 1500));
    } else {
      burst();
    }
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return twins_.express.count(counter); }

 private:
  struct Flow {
    net::Endpoint client;
    net::Endpoint vip;
    net::Endpoint seen;    // the client, as the backend saw it last
    net::Endpoint server;  // where that was
    unsigned sent = 0;
  };
  static constexpr std::uint32_t flows = 36;
  static constexpr const char* vips[] = {"192.0.2.10:80", "192.0.2.11:80", "192.0.2.10:53", "192.0.2.12:80",
                                         "192.0.2.13:80"};
  static constexpr const char* vips6[] = {"[2001:db8:1::10]:80", "[2001:db8:1::11]:80", "[2001:db8:1::10]:53",
                                          "[2001:db8:1::13]:80"};

  unsigned below(std::size_t n) { return static_cast<unsigned>(random_() % n); }
  static Lab::Setup setup(std::uint64_t kind) {
    Lab::Setup made;
    made.model = world_model();
    made.workers = kind == 0 ? 3 : 1;
    made.flows_max = made.records_max = 4096;  // room for all: who makes room is a matter of order
    return made;
  }
  void wait_ms(Millis ms) {
    twins_.express.wait_ms(ms);
    twins_.plain.wait_ms(ms);
    twins_.expect_same();
  }
  template <class F>
  void both(F&& f) {
    f(twins_.express);
    f(twins_.plain);
    twins_.expect_same();
  }

  void change_backend() {
    const auto health = below(3) == 0 ? plan::Health::down : plan::Health::up;
    const auto admin = static_cast<plan::Admin>(below(2) * below(3));
    const std::string pool = one_of({"web", "dns", "direct"});
    const auto& backends = twins_.express.model.pools.at(pool).backends;
    const std::string name = pool + "/" + std::next(backends.begin(), below(backends.size()))->first;
    both([&](Lab& lab) {
      lab.set_health(name, health);
      lab.set_admin(name, admin);
    });
  }
  void change_model() {
    const unsigned what = below(5);
    const std::string name = fmt::format("b{}", 1 + below(4));
    const unsigned number = 1 + below(9);
    both([&](Lab& lab) {
      auto& web = lab.model.pools.at("web").backends;
      if (what == 0 && web.size() > 1) {
        web.erase(name);
      } else if (what <= 1) {
        web[name] = backend(number);  // a new one, or at another address
      } else if (what == 2) {
        lab.model.services.at("api").pool = number % 2 == 0 ? "web" : "direct";
      } else if (what == 3) {
        auto& on_down = lab.model.services.at("web").flows_on_down;
        on_down = number % 3 == 0 ? model::LiveFlows::reset : model::LiveFlows::keep;
      }
      lab.apply();
    });
  }
  void change_neighbour() {
    const net::IpAddress address = ip(fmt::format("198.51.100.{}", 11 + below(9)));
    const bool known = below(3) != 0;
    const net::Mac mac{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(random_())}};
    both([&](Lab& lab) {
      set_neighbour(lab, back_port, address, known ? l3::AdjacencyState::reachable : l3::AdjacencyState::incomplete,
                    mac);
    });
  }
  const char* one_of(std::initializer_list<const char*> names) { return names.begin()[below(names.size())]; }

  /// Of each client's port one packet, or several of one direction that neither open nor end anything: what a packet
  /// does to its flow the long way, packets of the same burst see only there.
  void burst() {
    Twins::Arrivals arrivals;
    const unsigned count = 1 + below(below(3) == 0 ? 60 : 8);
    std::map<std::size_t, bool> directions;  // back, by client
    std::set<std::size_t> alone;
    for (unsigned i = 0; i < count; ++i) {
      const std::size_t at = below(flows_.size()), client = at / 2;
      const bool plain = flows_[at].sent > 2 && below(4) != 0;
      if (alone.contains(client) || (!plain && directions.contains(client))) {
        continue;
      }
      if (!plain) {
        alone.insert(client);
      }
      const bool back = flows_[at].server.l4_port != 0 && below(2) == 0;
      if (const auto frame = packet(flows_[at], directions.emplace(client, back).first->second, plain)) {
        arrivals.push_back(*frame);
      }
    }
    for (const Out& out : twins_.send(arrivals)) {
      learn(out);
    }
  }
  void learn(const Out& out) {
    const std::size_t header = out.parsed.protocol == net::ip_protocol::udp ? net::udp::size : net::tcp::size;
    const std::size_t at = out.parsed.l4_offset + header;
    if (out.port == back_port && at < out.bytes.size() && out.bytes[at] < flows_.size()) {
      Flow& flow = flows_[out.bytes[at]];
      flow.seen = out.source();
      flow.server = out.destination();
    }
  }

  std::optional<replay::Node::Arrival> packet(Flow& flow, bool answers, bool plain) {
    const std::uint8_t special[] = {flags::syn, flags::syn_ack, flags::fin_ack, flags::rst, flags::ack};
    std::uint8_t tcp_flags = plain ? flags::ack : special[below(std::size(special))];
    if (flow.sent++ < 3) {
      const std::uint8_t opening[] = {flags::syn, flags::syn_ack, flags::ack};
      tcp_flags = opening[flow.sent - 1];
      if ((tcp_flags == flags::syn_ack) != answers) {
        --flow.sent;
        return std::nullopt;
      }
    }
    const net::Endpoint& from = answers ? flow.server : flow.client;
    const net::Endpoint& to = answers ? flow.seen : flow.vip;
    Bytes payload(1 + below(30), static_cast<std::uint8_t>(random_()));
    payload[0] = static_cast<std::uint8_t>(&flow - flows_.data());
    PacketBuilder builder;
    builder.ethernet(answers ? backend_mac(1) : gateway_mac, answers ? back_mac : front_mac);
    builder.ip(from.address, to.address).payload(std::move(payload));
    if (from.address.is_v4() && below(20) == 0) {
      builder.options(Bytes(4, 1));
    }
    builder.ttl(below(20) == 0 ? 1 : 64);
    flow.vip.l4_port == 53 ? builder.udp(from.l4_port, to.l4_port) : builder.tcp(from.l4_port, to.l4_port, tcp_flags);
    Bytes frame = on_the_wire(builder.build());
    if (below(20) == 0) {
      frame[14 + below(net::ipv4::size + net::tcp::flags)] ^= static_cast<std::uint8_t>(1u << below(8));
    }
    if (below(40) == 0) {
      frame.resize(14 + below(frame.size() - 14));
    }
    return replay::Node::Arrival{answers ? back_port : front_port, below(twins_.express.node->workers()), frame};
  }

  std::mt19937_64 random_;
  Twins twins_;
  std::vector<Flow> flows_;
};

/// LIMPET_SEED=N runs that one world.
TEST(ExpressByChance, SameAsTheLongWay) {
  const char* const one = std::getenv("LIMPET_SEED");
  const std::uint64_t first = one == nullptr ? 0 : std::strtoull(one, nullptr, 10);
  std::uint64_t hits = 0, rewritten = 0;
  for (std::uint64_t seed = first; seed < (one == nullptr ? seeds : first + 1) && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);
    for (unsigned step = 0; step < steps && !HasFailure(); ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      world.step();
    }
    hits += world.count(Counter::flow_hit);
    rewritten += world.count(Counter::flow_port_rewritten);
  }
  if (one == nullptr) {
    EXPECT_GT(hits, 10'000u);
    EXPECT_GT(rewritten, 100u);
  }
}

}  // namespace
}  // namespace limpet::path
