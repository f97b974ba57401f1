// A node that is killed and started again: established connections go on, records stay, the books are right.
#include <gtest/gtest.h>

#include <map>

#include "net/parse.hpp"
#include "replay/node.hpp"
#include "support/packet_builder.hpp"

namespace limpet::replay {
namespace {

using counters::Counter;
using test::ip;
using test::PacketBuilder;
namespace flag = net::tcp_flag;

const PortIndex back(0);
const PortIndex front(1);
constexpr unsigned clients = 60;
const net::Mac neighbour{{2, 7, 7, 7, 7, 7}};

model::Model example(unsigned backends = 3) {
  const auto prefix = [](std::string_view text) { return *net::Prefix::parse(text); };
  model::Model model;
  model.ports["front"].addresses = {prefix("192.0.2.1/24")};
  model.ports["back"].addresses = {prefix("198.51.100.1/24")};
  for (unsigned i = 0; i < clients; ++i) {
    model.ports["front"].neighbors[net::IpAddress::v4(0xc0000264 + i)] = neighbour;
  }
  model.profiles["client"].idle_timeout_ms = 600'000;
  for (unsigned i = 1; i <= backends; ++i) {
    const auto address = ip(fmt::format("198.51.100.{}", 10 + i));
    model.pools["web"].backends[fmt::format("b{}", i)].addresses = {{address, 8080}};
    model.ports["back"].neighbors[address] = neighbour;
  }
  for (const std::uint16_t port :
       {std::uint16_t{80}, std::uint16_t{443}}) {  // one return key for both: the second's client port is rewritten
    model::Service& service = model.services[fmt::format("web{}", port)];
    service.pool = "web";
    service.listen = {{prefix("192.0.2.10/32"), port, net::Protocol::tcp}};
    service.persist = {"client"};
  }
  model.profiles["client"].scope = model::Scope::pool;
  return model;
}

model::Model with_full_nat() {
  model::Model model = example();
  for (auto& [name, service] : model.services) {
    service.forwarding = model::Forwarding::full_nat;
    service.local_addresses = {*net::Prefix::parse("198.51.100.200/31")};
  }
  return model;
}

struct Connection {
  net::Endpoint backend, to_backend;  // where its packets go, and whence they come there
};
using Connections = std::map<std::pair<unsigned, std::uint16_t>, Connection>;

class Lab {
 public:
  explicit Lab(unsigned workers, const model::Model& model = example()) {
    node = Node::create(model, hash::fixed_secret(), options(workers)).value();
  }
  static Node::Options options(unsigned workers) {
    return {.workers = workers, .flows_max = 1000, .records_max = 1000};
  }
  void restart(const model::Model& model, const Node::Options& of) {
    auto again = Node::restart(std::move(node), model, of);
    ASSERT_TRUE(again) << again.error().text;
    node = std::move(*again);
  }

  /// What left by the port for this packet, parsed: exactly one frame.
  net::Parsed pass(PortIndex in, PortIndex out, const test::Bytes& bytes) {
    node->receive(in, 0, bytes);
    const auto sent = node->take_sent();
    net::Parsed parsed;
    EXPECT_EQ(sent.size(), 1u);
    if (sent.size() == 1) {
      EXPECT_EQ(sent[0].port, out);
      frame = sent[0].bytes;
      net::parse(frame.data(), frame.size(), frame.size(), parsed);
    }
    return parsed;
  }
  Connection from_client(unsigned client, std::uint16_t port, std::uint8_t flags) {
    const auto parsed = pass(front, back,
                             PacketBuilder()
                                 .ethernet(neighbour, stand_in_mac(1))
                                 .ip(net::IpAddress::v4(0xc0000264 + client), ip("192.0.2.10"))
                                 .tcp(5000, port, flags)
                                 .build());
    return {{parsed.destination, parsed.destination_port}, {parsed.source, parsed.source_port}};
  }
  void from_backend(unsigned client, std::uint16_t port, const Connection& c, std::uint8_t flags) {
    const auto parsed = pass(back, front,
                             PacketBuilder()
                                 .ethernet(neighbour, stand_in_mac(0))
                                 .ip(c.backend.address, c.to_backend.address)
                                 .tcp(c.backend.l4_port, c.to_backend.l4_port, flags)
                                 .build());
    EXPECT_EQ(parsed.source, ip("192.0.2.10"));
    EXPECT_EQ(parsed.source_port, port);
    EXPECT_EQ(parsed.destination, net::IpAddress::v4(0xc0000264 + client));
    EXPECT_EQ(parsed.destination_port, 5000);
  }
  void open_all() {
    for (unsigned client = 0; client < clients; ++client) {
      for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{443}}) {
        const Connection c = from_client(client, port, flag::syn);
        from_backend(client, port, c, flag::syn | flag::ack);
        from_client(client, port, flag::ack);
        connections[{client, port}] = c;
      }
    }
  }
  /// Both ways, as before.
  void use_all() {
    for (const auto& [key, c] : connections) {
      from_backend(key.first, key.second, c, flag::ack);
      const Connection now = from_client(key.first, key.second, flag::ack);
      EXPECT_EQ(now.backend, c.backend);
      EXPECT_EQ(now.to_backend, c.to_backend);
    }
  }
  void expect_right_books() {
    std::int64_t flows = 0, connecting = 0;
    for (unsigned worker = 0; worker < node->workers(); ++worker) {
      for (std::uint32_t slot = 0; slot < 8; ++slot) {
        flows += node->state(worker).uses[slot].flows;
        connecting += node->state(worker).uses[slot].connecting;
      }
    }
    EXPECT_EQ(flows, static_cast<std::int64_t>(connections.size()));
    EXPECT_EQ(connecting, 0);
    EXPECT_EQ(node->records().stats().live, clients);
    std::uint64_t counted = 0;
    for (std::uint32_t slot = 0; slot < 8; ++slot) {
      counted += node->records().counts().of_backend(BackendSlot(slot));
    }
    EXPECT_EQ(counted, clients);
  }

  std::unique_ptr<Node> node;
  Connections connections;
  test::Bytes frame;
};

class Restart : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, Restart, testing::Values(1u, 2u, 5u));

TEST_P(Restart, ConnectionsGoOn) {
  Lab lab(2);
  lab.open_all();
  lab.use_all();
  lab.expect_right_books();
  lab.restart(example(), Lab::options(GetParam()));
  EXPECT_EQ(lab.node->recovered().records, clients);
  EXPECT_EQ(lab.node->recovered().flow_entries, 4 * clients);
  lab.expect_right_books();
  lab.use_all();
  EXPECT_EQ(lab.node->counter(Counter::flow_new), 0u);
  EXPECT_EQ(lab.node->violations(), 0u);
}

TEST_P(Restart, LocalPortsAreKept) {
  const auto taken = [](Lab& lab) {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < lab.node->workers(); ++worker) {
      for (std::uint32_t slot = 0; slot < 8; ++slot) {
        sum += lab.node->state(worker).local_ports[slot];
      }
    }
    return sum;
  };
  Lab lab(2, with_full_nat());
  lab.open_all();
  lab.use_all();
  EXPECT_EQ(taken(lab), 2 * clients);
  const auto rests = lab.connections.extract({0, 80});  // ended: its port rests, and is known to
  lab.from_client(0, 80, flag::fin | flag::ack);
  lab.from_backend(0, 80, rests.mapped(), flag::fin | flag::ack);
  for (int i = 0; i < 5; ++i) {
    lab.node->advance(lab.node->now_ms() + 5000);
  }
  EXPECT_EQ(taken(lab), 2 * clients);
  lab.restart(with_full_nat(), Lab::options(GetParam()));
  EXPECT_EQ(lab.node->recovered().flow_entries, 2 * (2 * clients - 1) + 1);
  EXPECT_EQ(taken(lab), 2 * clients);
  lab.expect_right_books();
  lab.use_all();
  EXPECT_EQ(lab.node->counter(Counter::flow_new), 0u);
  EXPECT_NE(lab.from_client(0, 80, flag::syn).to_backend, rests.mapped().to_backend);
  for (int i = 0; i < 10; ++i) {
    lab.node->advance(lab.node->now_ms() + 10'000);
    lab.use_all();
  }
  EXPECT_EQ(taken(lab), 2 * clients - 1) << "it has rested, and the handshake was never completed";
}

TEST(Restart, AnotherModelMovesOnlyWhatItMust) {
  Lab lab(2);
  lab.open_all();
  lab.restart(example(2), Lab::options(2));
  for (auto& [key, c] : lab.connections) {
    const bool gone = c.backend.address == ip("198.51.100.13");
    const Connection now = lab.from_client(key.first, key.second, flag::ack);
    EXPECT_EQ(now.backend == c.backend, !gone);
  }
  EXPECT_EQ(lab.node->violations(), 0u);
}

TEST(Restart, AdminStatesAndTheClockStay) {
  Lab lab(1);
  lab.node->backend("web/b1").admin = plan::Admin::drain;
  lab.node->backend("web/b2").health = plan::Health::down;
  lab.node->advance(5'000'000);
  lab.restart(example(), Lab::options(3));
  EXPECT_EQ(lab.node->backend("web/b1").admin, plan::Admin::drain);
  EXPECT_EQ(lab.node->backend("web/b2").health, plan::Health::down);
  EXPECT_EQ(lab.node->now_ms(), 5'000'000u);
  EXPECT_EQ(lab.node->workers(), 3u);
}

/// Slots keep their meaning though names come and go, and the names' memory grows.
TEST(Restart, SlotsKeepTheirMeaning) {
  Lab lab(1);
  lab.open_all();
  auto other = example();
  for (int i = 0; i < 2000; ++i) {
    other.pools["a pool of its own"].backends[fmt::format("backend with a long name {}", i)].addresses = {
        {ip("198.51.100.11"), static_cast<std::uint16_t>(1000 + i)}};
  }
  ASSERT_TRUE(lab.node->apply(other));
  lab.restart(other, Lab::options(1));
  lab.use_all();
  lab.restart(example(), Lab::options(2));
  lab.use_all();
  EXPECT_EQ(lab.node->violations(), 0u);
}

}  // namespace
}  // namespace limpet::replay
