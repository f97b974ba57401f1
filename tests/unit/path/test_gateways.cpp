// Several gateways: each flow has its own, both ways agree on it, and one that does not answer moves its flows only.
#include <gtest/gtest.h>

#include <map>

#include "path/twins.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {
namespace {

constexpr unsigned gateway_count = 3;

net::Mac mac_of(unsigned gateway) {
  return {{2, 0, 0, 0, 7, static_cast<std::uint8_t>(gateway)}};
}
net::IpAddress gateway(unsigned number, bool v6) {
  return ip(v6 ? fmt::format("2001:db8:1::fe{}", number) : fmt::format("192.0.2.25{}", number));
}

/// Clients behind three gateways, backends behind three others.
Lab::Setup several(unsigned workers = 1) {
  Lab::Setup setup;
  setup.workers = workers;
  for (const bool v6 : {false, true}) {
    std::vector<net::IpAddress> front, back;
    for (unsigned i = 1; i <= gateway_count; ++i) {
      front.push_back(gateway(i, v6));
      back.push_back(ip(v6 ? fmt::format("2001:db8:2::fe{}", i) : fmt::format("198.51.100.25{}", i)));
      setup.model.ports["front"].neighbors[front.back()] = mac_of(i);
      setup.model.ports["back"].neighbors[back.back()] = mac_of(10 + i);
    }
    setup.model.ports["front"].routes[v6 ? 1 : 0].via = front;
    setup.model.ports["back"].routes.push_back({prefix(v6 ? "2001:db8:77::/48" : "10.77.0.0/16"), back});
  }
  for (auto& [name, pool] : setup.model.pools) {
    for (auto& [backend_name, backend] : pool.backends) {
      for (auto& endpoint : backend.addresses) {
        const auto last = endpoint.address.bytes()[15];
        endpoint.address =
            ip(endpoint.address.is_v4() ? fmt::format("10.77.0.{}", last) : fmt::format("2001:db8:77::{:x}", last));
      }
    }
  }
  return setup;
}

struct Client {
  net::Endpoint address, vip;
};
Client client_of(unsigned number, bool v6) {
  const auto port = static_cast<std::uint16_t>(20000 + number * 7);
  return v6 ? Client{{ip(fmt::format("2001:db8:99:{:x}::1", number)), port}, endpoint("[2001:db8:1::10]:80")}
            : Client{{client_address(number), port}, endpoint("192.0.2.10:80")};
}

class Several : public testing::TestWithParam<bool> {};

TEST_P(Several, AFlowKeepsItsGatewaysAndAllAreUsed) {
  Lab lab(several());
  std::map<net::Mac, unsigned> towards_backends, towards_clients;
  for (unsigned i = 0; i < 300; ++i) {
    const Client client = client_of(i, GetParam());
    Talk talk(lab, client.address, client.vip);
    ASSERT_NE(talk.open(), "");
    const net::Mac to = talk.seen().to_mac();
    const auto back = lab.send_one(back_port, talk.answer());
    ASSERT_TRUE(back);
    ++towards_backends[to];
    ++towards_clients[back->to_mac()];
    for (int again = 0; again < 3; ++again) {
      ASSERT_NE(talk.up(), "");
      EXPECT_EQ(talk.seen().to_mac(), to);
      EXPECT_EQ(lab.send_one(back_port, talk.answer())->to_mac(), back->to_mac());
    }
  }
  for (const auto* uses : {&towards_backends, &towards_clients}) {
    EXPECT_EQ(uses->size(), gateway_count);
    for (const auto& [mac, count] : *uses) {
      EXPECT_NEAR(count, 100, 40);
    }
  }
}

TEST_P(Several, TheExpressWayTakesThemAndAgrees) {
  Twins twins(several());
  unsigned express_count = 0;
  for (unsigned i = 0; i < 40; ++i) {
    const Client client = client_of(i, GetParam());
    std::vector<Talk> talks;
    twins.each([&](Lab& lab) {
      Talk talk(lab, client.address, client.vip);
      talk.open();
      lab.wait_ms(2000);
      EXPECT_NE(talk.up(), "");
      EXPECT_TRUE(talk.down());
      talks.push_back(talk);
    });
    twins.send({{front_port, 0, on_the_wire(talks[0].packet())}, {back_port, 0, on_the_wire(talks[0].answer())}});
    express_count += decided(twins.probe, front_port, {on_the_wire(talks[2].packet())});
    express_count += decided(twins.probe, back_port, {on_the_wire(talks[2].answer())});
  }
  EXPECT_EQ(express_count, 80u);
}

/// Nothing is left of the way to a backend that has none any more.
TEST_P(Several, TheirRouteAndTheirBackendsGo) {
  for (const bool keeps_backends : {false, true}) {
    Lab::Setup setup = several();
    for (auto& route : setup.model.ports["front"].routes) {
      route.via.resize(1);
    }
    Twins twins(setup);
    const Client client = client_of(1, GetParam());
    std::vector<Talk> talks;
    twins.each([&](Lab& lab) {
      Talk& talk = talks.emplace_back(lab, client.address, client.vip);
      talk.open();
      lab.wait_ms(1000);
      EXPECT_NE(talk.up(), "");
      if (!keeps_backends) {
        lab.model.pools.at("web").backends.erase(name_at(talk.seen().destination().text()));
      }
      lab.model.ports["back"].routes.clear();
      lab.apply();
    });
    const unsigned by_default_route = keeps_backends ? 1 : 0;
    EXPECT_EQ(decided(twins.probe, front_port, {on_the_wire(talks[2].packet())}), by_default_route);
    twins.send(front_port, on_the_wire(talks[0].packet()));
  }
}

TEST_P(Several, OneThatFailsMovesItsFlowsOnlyAndGetsThemBack) {
  for (const bool takes_express : {false, true}) {
    Lab lab(several());
    lab.node->state(0).takes_express = takes_express;
    const auto where = [&](Talk& talk) { return talk.up().empty() ? net::Mac{} : talk.seen().to_mac(); };
    std::vector<Talk> talks;
    std::vector<net::Mac> before;
    lab.wait_ms(2000);  // a plan in use for so long that flows may go the express way
    for (unsigned i = 0; i < 60; ++i) {
      const Client client = client_of(i, GetParam());
      talks.emplace_back(lab, client.address, client.vip);
      talks.back().open();
      lab.wait_ms(i == 0 ? 3000 : 0);
      before.push_back(where(talks.back()));
    }
    const auto failing = ip(GetParam() ? "2001:db8:2::fe2" : "198.51.100.252");
    set_neighbour(lab, back_port, failing, l3::AdjacencyState::failed);
    unsigned moved = 0;
    for (unsigned i = 0; i < talks.size(); ++i) {
      const net::Mac now = where(talks[i]);
      EXPECT_NE(now, net::Mac{});
      EXPECT_NE(now, mac_of(12));
      EXPECT_TRUE(before[i] == mac_of(12) || now == before[i]);
      moved += now != before[i] ? 1 : 0;
    }
    EXPECT_GT(moved, 5u);
    set_neighbour(lab, back_port, failing, l3::AdjacencyState::reachable, mac_of(12));
    for (unsigned i = 0; i < talks.size(); ++i) {
      EXPECT_EQ(where(talks[i]), before[i]);
    }
    EXPECT_EQ(lab.count(Counter::drop_no_neighbour), 0u);
  }
}

TEST_P(Several, WithNoneThatAnswersPacketsWaitAndEnd) {
  Lab lab(several());
  const Client client = client_of(1, GetParam());
  Talk talk(lab, client.address, client.vip);
  talk.open();
  for (unsigned i = 1; i <= gateway_count; ++i) {
    set_neighbour(lab, back_port,
                  ip(GetParam() ? fmt::format("2001:db8:2::fe{}", i) : fmt::format("198.51.100.25{}", i)),
                  l3::AdjacencyState::failed);
  }
  EXPECT_EQ(talk.up(), "");
  lab.wait_ms(100);
  EXPECT_EQ(lab.count(Counter::drop_no_neighbour), 1u);
}

INSTANTIATE_TEST_SUITE_P(Gateways, Several, testing::Bool(),
                         [](const auto& row) { return std::string(row.param ? "v6" : "v4"); });

TEST(Gateways, TheChoiceIsARendezvous) {
  std::vector<plan::Hop> hops;
  for (unsigned i = 1; i <= 5; ++i) {
    hops.push_back({InterfaceIndex(0), gateway(i, false), 0});
  }
  const auto choose = [&](std::span<const plan::Hop> among, std::uint64_t flow, std::size_t silent) {
    return among[plan::choose_gateway(among, flow, [&](std::size_t i) { return i != silent; })].next_hop;
  };
  for (std::uint64_t flow = 0; flow < 2000; ++flow) {
    const auto hash = plan::flow_of(client_address(static_cast<std::uint32_t>(flow)), 1000);
    const auto all = choose(hops, hash, 9);
    const auto without = choose(hops, hash, 2);
    EXPECT_TRUE(all == hops[2].next_hop ? without != all : without == all);
    const std::vector<plan::Hop> others = {hops[4], hops[3], hops[1], hops[0]};
    EXPECT_EQ(choose(others, hash, 9), without) << "whatever their order";
  }
}

}  // namespace
}  // namespace limpet::path
