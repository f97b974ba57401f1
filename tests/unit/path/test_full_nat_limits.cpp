// Full NAT of services with limits, and by routes with several gateways: both go by the client as it knows itself, not
// by the local address that stands for it.
#include <map>

#include "full_nat.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {
namespace {

struct Row {
  const char* name;
  bool v6_client;
  bool v6_backend;
};
class FullNatBetween : public testing::TestWithParam<Row> {
 public:
  [[nodiscard]] static model::Model model() {
    return backends_of(GetParam().v6_backend ? net::Family::v6 : net::Family::v4);
  }
  [[nodiscard]] static net::Endpoint client(std::uint32_t number, std::uint16_t l4_port = 1000) {
    return {GetParam().v6_client ? ip(fmt::format("2001:db8:c:{:x}::5", number)) : client_address(number), l4_port};
  }
  [[nodiscard]] static net::Endpoint vip(std::uint16_t l4_port = 80) {
    return {ip(GetParam().v6_client ? "2001:db8:1::10" : "192.0.2.10"), l4_port};
  }
};
INSTANTIATE_TEST_SUITE_P(Families, FullNatBetween,
                         testing::Values(Row{"v4", false, false}, Row{"v6", true, true}, Row{"v4_v6", false, true},
                                         Row{"v6_v4", true, false}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(FullNatBetween, ADeniedClientGetsNothing) {
  model::Model model = FullNatBetween::model();
  model.services["web"].deny = {net::Prefix::host(client(1).address)};
  Lab lab(model);
  EXPECT_EQ(Local(lab, client(1), vip()).up(flags::syn).l4_port, 0);
  EXPECT_NE(Local(lab, client(2), vip()).open().l4_port, 0);
  EXPECT_EQ(lab.count(Counter::drop_denied), 1u);
}

TEST_P(FullNatBetween, ASourceIsTheClientAndHasNoMoreConnectionsThanItMay) {
  model::Model model = FullNatBetween::model();
  model.services["web"].limits.per_source.connections = 2;
  Lab lab(model);
  std::vector<Local> talks;
  for (std::uint16_t i = 0; i < 4; ++i) {
    talks.emplace_back(lab, client(1, static_cast<std::uint16_t>(1000 + i)), vip());
  }
  EXPECT_NE(talks[0].open().l4_port, 0);
  EXPECT_NE(talks[1].open().l4_port, 0);
  EXPECT_EQ(talks[2].up(flags::syn).l4_port, 0);
  EXPECT_NE(Local(lab, client(2), vip()).open().l4_port, 0) << "behind the same local address, but another source";
  talks[0].close();
  EXPECT_NE(talks[2].open().l4_port, 0) << "a closed one counts no more";
  EXPECT_TRUE(talks[1].down(flags::rst));
  EXPECT_NE(talks[3].open().l4_port, 0);
  for (int i = 0; i < 6; ++i) {
    lab.wait_ms(9000);  // closed ones are swept and their ports rest, which counts them off no second time
  }
  EXPECT_EQ(Local(lab, client(1, 5000), vip()).up(flags::syn).l4_port, 0);
}

TEST_P(FullNatBetween, TooManyAtOnceEndAtTheHandshakeOnBothSides) {
  model::Model model = FullNatBetween::model();
  model.services["web"].limits.per_source.connections = 1;
  Lab lab(model);
  Local first(lab, client(1, 1000), vip()), second(lab, client(1, 1001), vip());
  for (Local* talk : {&first, &second}) {
    EXPECT_NE(talk->up(flags::syn).l4_port, 0);
    EXPECT_TRUE(talk->down(flags::syn_ack));
  }
  const net::Endpoint local = second.seen().source(), backend = second.backend();
  EXPECT_NE(first.up().l4_port, 0);
  const auto outs = lab.send(front_port, second.packet(flags::ack));
  ASSERT_EQ(outs.size(), 2u);
  for (const Out& out : outs) {
    EXPECT_NE(out.parsed.tcp_flags & flags::rst, 0);
    EXPECT_EQ(out.source(), out.port == front_port ? vip() : local);
    EXPECT_EQ(out.destination(), out.port == front_port ? client(1, 1001) : backend);
  }
  EXPECT_EQ(lab.count(Counter::resets), 2u);
}

TEST_P(FullNatBetween, ConnectionsAreCountedAnewAfterARestart) {
  model::Model model = FullNatBetween::model();
  model.services["web"].limits.per_source.connections = 1;
  Lab lab(model);
  Local live(lab, client(1), vip());
  const auto local = live.open();
  auto restarted = replay::Node::restart(std::move(lab.node), lab.model, {.flows_max = 4096, .records_max = 4096});
  ASSERT_TRUE(restarted) << restarted.error().text;
  lab.node = std::move(*restarted);
  EXPECT_EQ(live.up(), local);
  EXPECT_EQ(Local(lab, client(1, 2000), vip()).up(flags::syn).l4_port, 0);
  live.close();
  EXPECT_NE(Local(lab, client(1, 2000), vip()).open().l4_port, 0);
}

constexpr unsigned gateway_count = 3;

std::vector<net::IpAddress> gateways_of(PortIndex port, bool v6) {
  const bool front = port == front_port;
  std::vector<net::IpAddress> gateways;
  for (unsigned i = 1; i <= gateway_count; ++i) {
    gateways.push_back(ip(v6 ? fmt::format("2001:db8:{}::fe{}", front ? 1 : 2, i)
                             : fmt::format("{}.25{}", front ? "192.0.2" : "198.51.100", i)));
  }
  return gateways;
}
net::Mac mac_of(unsigned gateway) {
  return {{2, 0, 0, 0, 7, static_cast<std::uint8_t>(gateway)}};
}

/// Clients behind three gateways, backends behind three others.
model::Model several(model::Model model) {
  for (const bool v6 : {false, true}) {
    for (const PortIndex port : {front_port, back_port}) {
      auto& declared = model.ports[port == front_port ? "front" : "back"];
      const auto gateways = gateways_of(port, v6);
      for (unsigned i = 0; i < gateway_count; ++i) {
        declared.neighbors[gateways[i]] = mac_of(i);
      }
    }
    model.ports["front"].routes[v6 ? 1 : 0].via = gateways_of(front_port, v6);
    model.ports["back"].routes.push_back(
        {prefix(v6 ? "2001:db8:77::/48" : "10.77.0.0/16"), gateways_of(back_port, v6)});
  }
  for (auto& [name, pool] : model.pools) {
    for (auto& [backend_name, backend] : pool.backends) {
      for (auto& at : backend.addresses) {
        const auto last = at.address.bytes()[15];
        at.address = ip(at.address.is_v4() ? fmt::format("10.77.0.{}", last) : fmt::format("2001:db8:77::{:x}", last));
      }
    }
  }
  return model;
}

/// Of the gateways that the port has for a client of this family, the client's own.
net::Mac expected(PortIndex port, bool v6, const net::Endpoint& client) {
  std::vector<plan::Hop> hops;
  for (const net::IpAddress& gateway : gateways_of(port, v6)) {
    hops.push_back({InterfaceIndex(0), gateway, 0});
  }
  return mac_of(static_cast<unsigned>(plan::choose_gateway(std::span<const plan::Hop>(hops),
                                                           plan::flow_of(client.address, client.l4_port),
                                                           [](std::size_t) { return true; })));
}

TEST_P(FullNatBetween, EachClientHasItsGatewaysBothWays) {
  Lab lab(several(FullNatBetween::model()));
  std::map<net::Mac, unsigned> uses;
  for (std::uint32_t i = 0; i < 60; ++i) {
    const net::Endpoint from = client(i, static_cast<std::uint16_t>(20000 + 7 * i));
    Local talk(lab, from, vip());
    ASSERT_NE(talk.open().l4_port, 0);
    for (int again = 0; again < 3; ++again) {
      ASSERT_NE(talk.up().l4_port, 0);
      EXPECT_EQ(talk.seen().to_mac(), expected(back_port, GetParam().v6_backend, from));
      const auto back = lab.send_one(back_port, talk.answer());
      ASSERT_TRUE(back);
      EXPECT_EQ(back->to_mac(), expected(front_port, GetParam().v6_client, from));
      ++uses[back->to_mac()];
    }
  }
  EXPECT_EQ(uses.size(), gateway_count);
}

}  // namespace
}  // namespace limpet::path
