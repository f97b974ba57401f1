#include "l3/neighbours.hpp"

#include "plan/plan.hpp"
#include "support.hpp"

namespace limpet::l3 {
namespace {

constexpr InterfaceIndex front{0}, back{1};
const Mac peer{{0x02, 0, 0, 0, 0, 0x50}}, moved{{0x02, 0, 0, 0, 0, 0x51}};
constexpr auto v4 = "192.0.2.50";
constexpr auto v6 = "2001:db8::50";

plan::Interface make_interface(const char* name, std::uint16_t port, std::uint16_t vlan,
                               std::initializer_list<const char*> addresses) {
  plan::Interface interface;
  interface.name = name;
  interface.port = PortIndex{port};
  interface.vlan = vlan;
  interface.mac = test::limpet_mac;
  for (const char* text : addresses) {
    interface.addresses.push_back(*net::Prefix::parse(text));
  }
  return interface;
}

class NeighboursTest : public ::testing::Test {
 protected:
  struct Sent {
    InterfaceIndex interface;
    Bytes frame;
  };

  NeighboursTest() { neighbours.on_interfaces(interfaces); }

  AdjacencyState state(const char* address, InterfaceIndex interface = front) {
    return table.find(interface, test::ip(address)).state;
  }
  Mac mac_of(const char* address) { return table.find(front, test::ip(address)).mac; }
  /// What `show neighbors` says of an address on `front`; nothing when it is not there.
  std::optional<NeighbourState> listed(const char* address) {
    for (const auto& row : neighbours.list(now)) {
      if (row.interface == front && row.address == test::ip(address)) {
        return row.state;
      }
    }
    return std::nullopt;
  }
  std::vector<Sent> take_sent() { return std::exchange(sent, {}); }
  void pass(Millis milliseconds) {
    for (const Millis end = now + milliseconds; now < end;) {
      now += 100;
      neighbours.tick(now);
    }
  }
  void want(const char* address) { neighbours.want(front, test::ip(address), now); }
  void receive(const PacketBuilder& packet, InterfaceIndex interface = front) {
    neighbours.on_frame(interface, packet.build(), now);
  }
  static PacketBuilder arp_reply(const Mac& from = peer, const char* sender = v4) {
    return PacketBuilder()
        .ethernet(from, test::limpet_mac)
        .arp(2, from, sender, test::limpet_mac, "192.0.2.254")
        .padded_to(60);
  }
  static PacketBuilder arp_request(const char* sender, const char* target, const Mac& from = peer) {
    return PacketBuilder().ethernet(from, test::limpet_mac).arp(1, from, sender, {}, target);
  }
  static PacketBuilder advertisement(std::uint8_t flags, std::optional<Mac> mac = peer, const char* target = v6) {
    return PacketBuilder()
        .ethernet(peer, test::limpet_mac)
        .ip(target, "2001:db8::fe")
        .advertisement(target, flags, mac);
  }
  static PacketBuilder solicitation(const char* source, const char* target, const Mac& from = peer) {
    return PacketBuilder().ethernet(from, test::limpet_mac).ip(source, target).solicitation(target, from);
  }

  Millis now = 1'000'000;
  std::vector<plan::Interface> interfaces{
      make_interface("front", 0, 0, {"203.0.113.1/24", "192.0.2.254/24", "2001:db8::fe/64"}),
      make_interface("back.100", 1, 100, {"198.51.100.1/24"})};
  std::vector<Sent> sent;
  AdjacencyTable table{64};
  Neighbours neighbours{table,
                        [this](InterfaceIndex interface, std::span<const std::uint8_t> frame) {
                          sent.push_back({interface, Bytes(frame.begin(), frame.end())});
                        },
                        [](InterfaceIndex interface, const IpAddress& address) {
                          return interface == front &&
                                 (address == test::ip("192.0.2.10") || address == test::ip("2001:db8::10"));
                        },
                        NeighbourLimits{.entries_max = 40, .learned_per_second_max = 10, .wanted_per_second_max = 20}};
};

TEST_F(NeighboursTest, AsksAtOnceFromTheRightAddress) {
  want(v4);
  EXPECT_EQ(state(v4), AdjacencyState::incomplete);
  auto frames = take_sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].interface, front);
  EXPECT_EQ(frames[0].frame, PacketBuilder()
                                 .ethernet(test::limpet_mac, test::mac("ff:ff:ff:ff:ff:ff"))
                                 .arp(1, test::limpet_mac, "192.0.2.254", {}, v4)
                                 .build());
  want(v4);  // a second packet for it
  EXPECT_TRUE(take_sent().empty());
}

TEST_F(NeighboursTest, AsksWithTheInterfacesTag) {
  neighbours.want(back, test::ip("198.51.100.9"), now);
  const auto frames = take_sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(parse_all(frames[0].frame).vlan, 100);
}

TEST_F(NeighboursTest, AnswerMakesReachable) {
  want(v4);
  receive(arp_reply());
  EXPECT_EQ(table.find(front, test::ip(v4)), (Adjacency{AdjacencyState::reachable, peer}));
  EXPECT_EQ(listed(v4), NeighbourState::reachable);
  want(v6);
  receive(advertisement(0x60));
  EXPECT_EQ(table.find(front, test::ip(v6)), (Adjacency{AdjacencyState::reachable, peer}));
  EXPECT_EQ(listed(v6), NeighbourState::reachable);
  take_sent();
  pass(20'000);
  EXPECT_TRUE(take_sent().empty());
}

TEST_F(NeighboursTest, RetriesThenFailsThenForgets) {
  for (const char* address : {v4, v6}) {
    SCOPED_TRACE(address);
    take_sent();
    want(address);
    pass(200);
    EXPECT_EQ(take_sent().size(), 1u);
    pass(100);
    EXPECT_EQ(take_sent().size(), 1u);
    pass(1000);
    EXPECT_EQ(take_sent().size(), 1u);
    pass(1000);
    EXPECT_EQ(take_sent().size(), 1u);
    EXPECT_EQ(state(address), AdjacencyState::incomplete);
    pass(1000);
    EXPECT_EQ(state(address), AdjacencyState::failed);
    want(address);
    EXPECT_TRUE(take_sent().empty());
    pass(5000);
    EXPECT_EQ(state(address), AdjacencyState::none);
    want(address);
    EXPECT_EQ(take_sent().size(), 1u);
    pass(10'000);
  }
}

TEST_F(NeighboursTest, LateAnswerEndsAFailure) {
  want(v4);
  pass(4000);
  ASSERT_EQ(state(v4), AdjacencyState::failed);
  receive(arp_reply());
  EXPECT_EQ(state(v4), AdjacencyState::reachable);
}

TEST_F(NeighboursTest, ProbesOneInUse) {
  want(v4);
  receive(arp_reply());
  take_sent();
  (void)table.find(front, test::ip(v4));
  pass(30'000);
  const auto frames = take_sent();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(Bytes(frames[0].frame.begin(), frames[0].frame.begin() + 6), Bytes(peer.bytes.begin(), peer.bytes.end()));
  EXPECT_EQ(state(v4), AdjacencyState::reachable) << "its MAC is used while it is being probed";
  EXPECT_EQ(listed(v4), NeighbourState::probe);
  receive(arp_reply());
  EXPECT_EQ(listed(v4), NeighbourState::reachable);
}

TEST_F(NeighboursTest, DropsOneThatAnswersNoProbe) {
  want(v6);
  receive(advertisement(0x60));
  take_sent();
  (void)table.find(front, test::ip(v6));
  pass(30'000 + 300 + 3 * 1000);
  EXPECT_EQ(take_sent().size(), 4u);
  EXPECT_EQ(listed(v6), std::nullopt);
  EXPECT_EQ(state(v6), AdjacencyState::none);
}

TEST_F(NeighboursTest, KeepsAnUnusedOneQuietlyThenForgets) {
  want(v4);
  receive(arp_reply());
  take_sent();
  pass(599'000);
  EXPECT_TRUE(take_sent().empty());
  EXPECT_EQ(listed(v4), NeighbourState::stale);
  pass(6'000);
  EXPECT_EQ(listed(v4), std::nullopt);
}

TEST_F(NeighboursTest, LearnsFromThoseWhoAskForUs) {
  receive(arp_request("192.0.2.60", "192.0.2.254"));
  EXPECT_EQ(state("192.0.2.60"), AdjacencyState::reachable);
  receive(arp_request("192.0.2.61", "192.0.2.10"));  // a VIP
  EXPECT_EQ(state("192.0.2.61"), AdjacencyState::reachable);
  receive(solicitation("2001:db8::60", "2001:db8::10"));
  EXPECT_EQ(state("2001:db8::60"), AdjacencyState::reachable);
  receive(solicitation("fe80::60", "2001:db8::fe"));
  EXPECT_EQ(state("fe80::60"), AdjacencyState::reachable);
  EXPECT_TRUE(take_sent().empty());
  (void)table.find(front, test::ip("192.0.2.60"));
  pass(5'000);
  EXPECT_EQ(listed("192.0.2.60"), NeighbourState::probe) << "unconfirmed: probed once in use";
}

TEST_F(NeighboursTest, LearnsNothingFromOthers) {
  receive(arp_request("192.0.2.60", "192.0.2.99"));
  receive(arp_request("192.0.2.60", "192.0.2.60"));          // an announcement
  receive(arp_request("10.0.0.1", "192.0.2.254"));           // not on this link
  receive(arp_request("0.0.0.0", "192.0.2.254"));            // a probe
  receive(arp_request("192.0.2.60", "192.0.2.254", {{1}}));  // a group's MAC
  receive(arp_request("192.0.2.60", "192.0.2.254", Mac{}));  // no MAC
  receive(arp_reply());                                      // never asked
  receive(advertisement(0x60));
  receive(PacketBuilder().ip("2001:db8::60", "2001:db8::fe").solicitation("2001:db8::fe", {}));
  receive(arp_request("198.51.100.7", "198.51.100.1"), front);  // another interface's network
  receive(arp_request("192.0.2.60", "192.0.2.254"), InterfaceIndex{9});
  EXPECT_TRUE(neighbours.list(now).empty());
}

TEST_F(NeighboursTest, FollowsANeighbourThatMoves) {
  want(v4);
  receive(arp_reply());
  receive(arp_request(v4, v4, moved));  // gratuitous
  EXPECT_EQ(mac_of(v4), moved);
  EXPECT_EQ(listed(v4), NeighbourState::stale);
}

TEST_F(NeighboursTest, AdvertisementRules) {  // RFC 4861, section 7.2.5
  want(v6);
  receive(advertisement(0x40, std::nullopt));
  EXPECT_EQ(state(v6), AdjacencyState::incomplete) << "no link address: nothing learnt";
  receive(advertisement(0));
  EXPECT_EQ(listed(v6), NeighbourState::stale) << "unsolicited";
  receive(advertisement(0x40, std::nullopt));
  EXPECT_EQ(listed(v6), NeighbourState::reachable) << "solicited: confirms what is known";
  receive(advertisement(0x40, moved));
  EXPECT_EQ(mac_of(v6), peer) << "no override";
  EXPECT_EQ(listed(v6), NeighbourState::stale) << "but doubt";
  receive(advertisement(0x60, moved));
  EXPECT_EQ(mac_of(v6), moved);
  EXPECT_EQ(listed(v6), NeighbourState::reachable);
}

TEST_F(NeighboursTest, NobodyTakesOurAddresses) {
  receive(arp_request("192.0.2.254", "192.0.2.254"));
  receive(arp_reply(peer, "192.0.2.10"));
  receive(advertisement(0x20, peer, "2001:db8::10"));
  EXPECT_EQ(neighbours.counts().address_conflicts, 3u);
  EXPECT_TRUE(neighbours.list(now).empty());
  receive(PacketBuilder().ethernet(test::limpet_mac, test::client_mac).arp(1, test::limpet_mac, "192.0.2.254", {}, v4));
  EXPECT_EQ(neighbours.counts().address_conflicts, 3u) << "our own frame come back is none";
  want("192.0.2.10");
  want("192.0.2.254");
  want("224.0.0.1");
  EXPECT_TRUE(take_sent().empty());
}

TEST_F(NeighboursTest, StaticEntriesStay) {
  neighbours.add_static(front, test::ip(v4), peer, now);
  receive(arp_reply(moved));
  pass(700'000);
  EXPECT_EQ(table.find(front, test::ip(v4)), (Adjacency{AdjacencyState::reachable, peer}));
  EXPECT_EQ(listed(v4), NeighbourState::fixed);
  EXPECT_TRUE(take_sent().empty());
  const StaticNeighbour other{front, test::ip("192.0.2.51"), moved};
  neighbours.replace_static({&other, 1}, now);
  EXPECT_EQ(state(v4), AdjacencyState::none);
  EXPECT_EQ(mac_of("192.0.2.51"), moved);
}

TEST_F(NeighboursTest, StaticReplacesALearnedOne) {
  want(v4);
  receive(arp_reply(moved));
  neighbours.add_static(front, test::ip(v4), peer, now);
  EXPECT_EQ(mac_of(v4), peer);
  pass(700'000);
  EXPECT_EQ(listed(v4), NeighbourState::fixed);
}

TEST_F(NeighboursTest, BoundsWhatTheNetworkMakesItKeep) {
  for (int i = 0; i < 15; ++i) {
    receive(arp_request(("192.0.2." + std::to_string(100 + i)).c_str(), "192.0.2.254"));
  }
  EXPECT_EQ(neighbours.list(now).size(), 10u);
  EXPECT_EQ(neighbours.counts().refused_rate, 5u);
  for (int second = 0; second < 3; ++second) {
    now += 1000;
    for (int i = 0; i < 9; ++i) {
      receive(arp_request(("192.0.2." + std::to_string(120 + second * 10 + i)).c_str(), "192.0.2.254"));
    }
  }
  EXPECT_EQ(neighbours.list(now).size(), 20u) << "half of the room";
  EXPECT_GT(neighbours.counts().refused_full, 0u);
  for (int i = 0; i < 30; ++i) {
    neighbours.want(front, IpAddress::v4(0xcb007110u + static_cast<std::uint32_t>(i)), now);
  }
  EXPECT_EQ(neighbours.list(now).size(), 40u) << "all of it for those whom packets wait for";
  neighbours.add_static(front, test::ip(v4), peer, now);
  EXPECT_EQ(state(v4), AdjacencyState::reachable);
  EXPECT_EQ(neighbours.list(now).size(), 40u);
}

TEST_F(NeighboursTest, PlanChangeForgetsWhatChanged) {
  want(v4);
  receive(arp_reply());
  neighbours.want(back, test::ip("198.51.100.9"), now);
  interfaces[1].vlan = 200;
  neighbours.on_interfaces(interfaces);
  EXPECT_EQ(state(v4), AdjacencyState::reachable);
  EXPECT_EQ(state("198.51.100.9", back), AdjacencyState::none);
  interfaces.clear();
  neighbours.on_interfaces(interfaces);
  EXPECT_TRUE(neighbours.list(now).empty());
  EXPECT_EQ(table.count(), 0u);
  pass(10'000);  // no deadline is left behind
}

TEST_F(NeighboursTest, Announces) {
  const IpAddress addresses[] = {test::ip("192.0.2.10"), test::ip("2001:db8::10")};
  neighbours.announce(front, addresses);
  const auto frames = take_sent();
  ASSERT_EQ(frames.size(), 2u);
  const auto arp = read_arp(frames[0].frame, parse_all(frames[0].frame));
  ASSERT_TRUE(arp);
  EXPECT_EQ(arp->sender, addresses[0]);
  EXPECT_EQ(arp->target, addresses[0]);
  const auto nd = read_nd(frames[1].frame, parse_all(frames[1].frame));
  ASSERT_TRUE(nd);
  EXPECT_EQ(nd->target, addresses[1]);
  EXPECT_TRUE(nd->override_entry && !nd->solicited);
  pass(1900);
  EXPECT_TRUE(take_sent().empty());
  pass(300);
  EXPECT_EQ(take_sent().size(), 2u);
  pass(60'000);
  EXPECT_TRUE(take_sent().empty());
}

TEST_F(NeighboursTest, DoesNotAnnounceAgainWhatIsNoLongerHere) {
  const IpAddress addresses[] = {test::ip("192.0.2.254")};
  neighbours.announce(front, addresses);
  interfaces[0].addresses.clear();
  neighbours.on_interfaces(interfaces);
  take_sent();
  pass(5000);
  EXPECT_TRUE(take_sent().empty());
}

TEST_F(NeighboursTest, GatewaysAreWatchedWhetherPacketsFlowOrNot) {
  const Gateway gateways[] = {{front, test::ip(v4)}};
  neighbours.replace_gateways(gateways, now);
  EXPECT_EQ(take_sent().size(), 1u);
  receive(arp_reply());
  EXPECT_EQ(listed(v4), NeighbourState::reachable);
  EXPECT_TRUE(neighbours.take_news().empty()) << "as it should be";
  pass(5000);
  EXPECT_EQ(listed(v4), NeighbourState::probe);
  EXPECT_EQ(state(v4), AdjacencyState::reachable);
  receive(arp_reply());
  EXPECT_EQ(listed(v4), NeighbourState::reachable);
  pass(20'000);  // and silence
  EXPECT_EQ(state(v4), AdjacencyState::failed);
  auto news = neighbours.take_news();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(news[0].gateway, gateways[0]);
  EXPECT_FALSE(news[0].answers);
  EXPECT_EQ(neighbours.counts().failures, 1u);
  EXPECT_EQ(neighbours.list(now).front().failures, 1u);
  EXPECT_TRUE(neighbours.list(now).front().is_gateway);
  take_sent();
  pass(600'000);
  EXPECT_EQ(state(v4), AdjacencyState::failed) << "not forgotten";
  EXPECT_NEAR(static_cast<double>(take_sent().size()), 600, 10);
  EXPECT_TRUE(neighbours.take_news().empty());
  receive(arp_reply(moved));
  EXPECT_EQ(mac_of(v4), moved);
  news = neighbours.take_news();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_TRUE(news[0].answers);
}

TEST_F(NeighboursTest, AGatewayThatMovedSilentlyIsFound) {
  const Gateway gateways[] = {{front, test::ip(v4)}};
  neighbours.replace_gateways(gateways, now);
  receive(arp_reply());
  take_sent();
  pass(5000 + 300 + 3000 + 200);
  const auto frames = take_sent();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.front().frame[0], peer.bytes[0]) << "asked itself first";
  EXPECT_EQ(frames.back().frame[0], 0xff) << "then everyone";
  receive(arp_reply(moved));
  EXPECT_EQ(mac_of(v4), moved);
  EXPECT_TRUE(neighbours.take_news().empty());
}

TEST_F(NeighboursTest, WhatIsNoGatewayAnyMoreAgesLikeOthers) {
  const Gateway gateways[] = {{front, test::ip(v4)}};
  neighbours.replace_gateways(gateways, now);
  receive(arp_reply());
  neighbours.replace_gateways({}, now);
  EXPECT_FALSE(neighbours.list(now).front().is_gateway);
  pass(700'000);
  EXPECT_TRUE(neighbours.list(now).empty());
}

TEST_F(NeighboursTest, AFixedGatewayIsNotAsked) {
  neighbours.add_static(front, test::ip(v4), peer, now);
  const Gateway gateways[] = {{front, test::ip(v4)}};
  neighbours.replace_gateways(gateways, now);
  pass(60'000);
  EXPECT_TRUE(take_sent().empty());
  EXPECT_EQ(state(v4), AdjacencyState::reachable);
}

}  // namespace
}  // namespace limpet::l3
