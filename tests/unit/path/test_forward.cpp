// Single packets: what leaves, with which addresses, tags and checksums, and what does not leave.
#include "lab.hpp"

namespace limpet::path {
namespace {

using model::Forwarding;

struct NatRow {
  const char* what;
  const char* client;
  const char* vip;
  std::size_t payload_bytes;
};

class Nat : public ::testing::TestWithParam<NatRow> {};

TEST_P(Nat, RewritesBothWaysWithRightChecksums) {
  const NatRow& row = GetParam();
  Lab lab;
  Talk talk(lab, row.client, 40000, row.vip);
  const std::string at = talk.up(flags::syn);
  ASSERT_NE(at, "");
  const Out& seen = talk.seen();
  EXPECT_EQ(seen.source(), (net::Endpoint{ip(row.client), 40000}));
  EXPECT_EQ(seen.parsed.ttl, 63);
  EXPECT_TRUE(seen.to_mac().bytes[4] == 1) << seen.to_mac().text();
  EXPECT_TRUE(talk.down(flags::syn_ack));
  const auto big = lab.send_one(front_port, talk.packet(flags::ack, std::string(row.payload_bytes, 'x')));
  ASSERT_TRUE(big);
  EXPECT_EQ(big->destination().text(), at);
  EXPECT_EQ(big->parsed.l3_size + 14u, big->bytes.size());
}

INSTANTIATE_TEST_SUITE_P(Families, Nat,
                         ::testing::Values(NatRow{"tcp over v4", "10.0.0.1", "192.0.2.10:80", 1},
                                           NatRow{"tcp over v6", "2001:db8:c::1", "[2001:db8:1::10]:80", 333},
                                           NatRow{"udp over v4", "10.0.0.2", "192.0.2.10:53", 1000},
                                           NatRow{"udp over v6", "2001:db8:c::2", "[2001:db8:1::10]:53", 0}));

TEST(Forward, UdpWithoutChecksumStaysWithout) {
  Lab lab;
  Bytes frame = Talk(lab, "10.0.0.1", 1000, "192.0.2.10:53").packet();
  frame[14 + 20 + 6] = frame[14 + 20 + 7] = 0;
  lab.node->receive(front_port, 0, frame);
  const auto sent = lab.node->take_sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bytes[14 + 20 + 6] | sent[0].bytes[14 + 20 + 7], 0);
}

TEST(Forward, PaddingEndsHere) {
  Lab lab;
  const auto out = lab.send_one(front_port, PacketBuilder()
                                                .ethernet(gateway_mac, front_mac)
                                                .ip("10.0.0.1", "192.0.2.10")
                                                .tcp(1000, 80, flags::syn)
                                                .padded_to(60)
                                                .build());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->bytes.size(), 54u);
}

TEST(Forward, DirectRoutingChangesOnlyTheMac) {
  for (const auto& [client, vip] :
       {std::pair{"10.0.0.1", "192.0.2.10:80"}, std::pair{"2001:db8:c::1", "[2001:db8:1::10]:80"}}) {
    auto model = base_model();
    model.services["web"].forwarding = Forwarding::dr;
    Lab lab(model);
    Talk talk(lab, client, 1000, vip);
    EXPECT_EQ(talk.up(flags::syn), vip);
    const auto mac = talk.seen().to_mac();
    EXPECT_EQ(mac.bytes[4], 1);
    talk.up();
    EXPECT_EQ(talk.seen().to_mac(), mac);
    EXPECT_EQ(lab.live_flows(), 1u);  // shown by the second packet: replies do not pass here
  }
}

TEST(Forward, RepliesOfDirectRoutingMayPass) {
  auto model = base_model();
  model.services["web"].forwarding = Forwarding::dr;
  model.ports["back"].transit = model::Transit::route;
  Lab lab(model);
  const auto reply = [](const char* source, std::uint16_t port, const char* to) {
    return PacketBuilder().ethernet(backend_mac(1), back_mac).ip(source, to).tcp(port, 80).build();
  };
  const auto out = lab.send_one(back_port, reply("192.0.2.10", 80, "10.0.0.1"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->port, front_port);
  EXPECT_EQ(lab.count(Counter::routed), 1u);
  EXPECT_FALSE(lab.send_one(back_port, reply("192.0.2.10", 81, "10.0.0.1")));
  EXPECT_FALSE(lab.send_one(back_port, reply("192.0.2.10", 80, "192.0.2.10")));  // to itself (LAND)
  EXPECT_EQ(lab.count(Counter::drop_bad_source), 2u);
}

TEST(Forward, TimeExceededGoesBackToTheSender) {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    for (const auto& [client, vip, own] : {std::tuple{"10.0.0.1", "192.0.2.10", "192.0.2.1"},
                                           std::tuple{"2001:db8:c::1", "2001:db8:1::10", "2001:db8:1::1"}}) {
      Lab lab;
      const auto out = lab.send_one(
          front_port,
          PacketBuilder().ethernet(gateway_mac, front_mac).ip(client, vip).ttl(ttl).tcp(1000, 80, flags::syn).build());
      ASSERT_TRUE(out);
      EXPECT_EQ(out->port, front_port);
      EXPECT_EQ(out->parsed.source, ip(own));
      EXPECT_EQ(out->parsed.destination, ip(client));
      EXPECT_EQ(out->parsed.icmp_type, ip(client).is_v4() ? net::icmp::time_exceeded : net::icmpv6::time_exceeded);
      EXPECT_EQ(out->to_mac(), gateway_mac);
      EXPECT_EQ(lab.count(Counter::replied), 1u);
    }
  }
}

TEST(Forward, NoErrorIsSentToAGroup) {
  Lab lab;
  EXPECT_FALSE(lab.send_one(front_port, PacketBuilder()
                                            .ethernet(gateway_mac, net::Mac{{1, 0, 0x5e, 0, 0, 1}})
                                            .ip("10.0.0.1", "192.0.2.10")
                                            .ttl(1)
                                            .tcp(1000, 80, flags::syn)
                                            .build()));
  EXPECT_EQ(lab.count(Counter::drop_ttl_exceeded), 1u);
}

TEST(Forward, TooBigIsReportedWhereItMayNotBeCut) {
  auto model = base_model();
  model.ports["back"].mtu = 1300;
  Lab lab(model);
  const std::string payload(1400, 'x');
  for (const auto& [client, vip, type] :
       {std::tuple{"10.0.0.1", "192.0.2.10:80", net::icmp::unreachable},
        std::tuple{"2001:db8:c::1", "[2001:db8:1::10]:80", net::icmpv6::packet_too_big}}) {
    const auto out = lab.send_one(front_port, Talk(lab, client, 1000, vip).packet(flags::ack, payload));
    ASSERT_TRUE(out);
    EXPECT_EQ(out->port, front_port);
    EXPECT_EQ(out->parsed.icmp_type, type);
    EXPECT_EQ(load_be<std::uint16_t>(&out->bytes[out->parsed.l4_offset + 6u]), 1300);
  }
  Bytes cuttable = Talk(lab, "10.0.0.1", 1000).packet(flags::ack, payload);
  cuttable[14 + 6] = 0;  // no DF
  store_be<std::uint16_t>(&cuttable[14 + 10], 0);
  store_be<std::uint16_t>(&cuttable[14 + 10],
                          test::plain_checksum(Bytes(cuttable.begin() + 14, cuttable.begin() + 34)));
  EXPECT_FALSE(lab.send_one(front_port, cuttable));
  EXPECT_EQ(lab.count(Counter::drop_too_big), 1u);
}

struct DropRow {
  const char* what;
  Counter counter;
  PacketBuilder builder;
};

PacketBuilder from_client() {
  return PacketBuilder().ethernet(gateway_mac, front_mac);
}

TEST(Forward, DropsAreCountedByReason) {
  const net::Mac other{{2, 9, 9, 9, 9, 9}};
  const DropRow rows[] = {
      {"for another MAC", Counter::drop_not_ours,
       PacketBuilder().ethernet(gateway_mac, other).ip("10.0.0.1", "192.0.2.10").tcp(1, 80)},
      {"our own come back", Counter::drop_not_ours,
       PacketBuilder().ethernet(front_mac, front_mac).ip("10.0.0.1", "192.0.2.10").tcp(1, 80)},
      {"tag without interface", Counter::drop_bad_vlan, from_client().tag(7).ip("10.0.0.1", "192.0.2.10").tcp(1, 80)},
      {"unknown EtherType", Counter::drop_not_ip, from_client().ether_type(0x88cc).payload("lldp")},
      {"first fragment to Limpet", Counter::drop_fragment,
       from_client().ip("10.0.0.1", "192.0.2.1").udp(1, 53).payload("12345678").fragment(0, true)},
      {"later fragment to Limpet", Counter::drop_fragment,
       from_client().ip("10.0.0.1", "192.0.2.1").payload("12345678").protocol(17).fragment(8, false)},
      {"IPv6 fragment to Limpet", Counter::drop_fragment,
       from_client().ip("2001:db8:c::1", "2001:db8:1::1").udp(1, 53).payload("12345678").fragment(0, true)},
      {"VIP, but no service", Counter::drop_no_service, from_client().ip("10.0.0.1", "192.0.2.10").tcp(1, 81)},
      {"service of another protocol", Counter::drop_no_service, from_client().ip("10.0.0.1", "192.0.2.10").udp(1, 80)},
      {"neither", Counter::drop_no_service, from_client().ip("10.0.0.1", "203.0.113.9").tcp(1, 80)},
      {"own address, no kernel", Counter::drop_no_kernel, from_client().ip("10.0.0.1", "192.0.2.1").tcp(1, 22)},
      {"from a VIP", Counter::drop_bad_source, from_client().ip("192.0.2.10", "192.0.2.10").tcp(80, 80)},
      {"from a group", Counter::drop_bad_source, from_client().ip("224.0.0.1", "192.0.2.10").tcp(1, 80)},
      {"from loopback", Counter::drop_bad_source, from_client().ip("127.0.0.1", "192.0.2.10").tcp(1, 80)},
      {"from broadcast", Counter::drop_bad_source, from_client().ip("255.255.255.255", "192.0.2.10").udp(1, 53)},
      {"from this network", Counter::drop_bad_source, from_client().ip("0.0.0.0", "192.0.2.10").udp(1, 53)},
      {"from ::1", Counter::drop_bad_source, from_client().ip("::1", "2001:db8:1::10").udp(1, 53)},
  };
  for (const DropRow& row : rows) {
    SCOPED_TRACE(row.what);
    Lab lab;
    EXPECT_FALSE(lab.send_one(front_port, row.builder.build()));
    EXPECT_EQ(lab.count(row.counter), 1u);
    EXPECT_EQ(lab.dropped(), 1u);
  }
}

TEST(Forward, DamagedFramesAreDropped) {
  Lab lab;
  const Bytes whole = Talk(lab, "10.0.0.1", 1000).packet(flags::syn);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(lab.send_one(front_port, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  EXPECT_EQ(lab.count(Counter::drop_truncated) + lab.count(Counter::drop_malformed), whole.size());
}

TEST(Forward, NoBackendNoRouteNoFamily) {
  auto model = base_model();
  model.pools["web"].backends["b1"].addresses.pop_back();
  model.pools["web"].backends = {{"b1", model.pools["web"].backends["b1"]}};
  model.pools["dns"].backends = {{"far", {}}};
  model.pools["dns"].backends["far"].addresses = {{ip("2001:db8:ffff::1"), 53}};
  model.ports["front"].routes.pop_back();
  Lab lab(model);
  EXPECT_EQ(Talk(lab, "2001:db8:c::1", 1, "[2001:db8:1::10]:80").up(flags::syn), "");
  EXPECT_EQ(lab.count(Counter::drop_no_backend), 1u);
  EXPECT_EQ(Talk(lab, "2001:db8:c::1", 1, "[2001:db8:1::10]:53").up(), "");
  EXPECT_EQ(lab.count(Counter::drop_no_route), 1u);
  EXPECT_NE(Talk(lab, "10.0.0.1", 1).up(flags::syn), "");
}

struct VlanRow {
  const char* what;
  std::uint16_t front, back;
};

TEST(Forward, VlanTagsArePushedPoppedAndChanged) {
  for (const VlanRow& row : {VlanRow{"push", 0, 200}, VlanRow{"pop", 100, 0}, VlanRow{"change", 100, 200}}) {
    SCOPED_TRACE(row.what);
    auto model = base_model();
    const auto onto_vlan = [&](const char* name, std::uint16_t id) {
      if (id != 0) {
        model::Port& port = model.ports[name];
        model::Interface& vlan = port.vlans[id];
        std::swap(vlan.addresses, port.addresses);
        std::swap(vlan.neighbors, port.neighbors);
        std::swap(vlan.routes, port.routes);
      }
    };
    onto_vlan("front", row.front);
    onto_vlan("back", row.back);
    Lab lab(model);
    const auto tagged = [](PacketBuilder builder, std::uint16_t id) {
      return (id != 0 ? builder.tag(id) : builder).build();
    };
    const auto in = lab.send_one(
        front_port, tagged(from_client().ip("10.0.0.1", "192.0.2.10").tcp(1000, 80, flags::syn), row.front));
    ASSERT_TRUE(in);
    EXPECT_EQ(in->parsed.vlan, row.back);
    EXPECT_EQ(in->destination().l4_port, 8080);
    const auto back = lab.send_one(back_port, tagged(PacketBuilder()
                                                         .ethernet(backend_mac(1), back_mac)
                                                         .ip(in->parsed.destination, ip("10.0.0.1"))
                                                         .tcp(8080, 1000, flags::syn_ack),
                                                     row.back));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->parsed.vlan, row.front);
    EXPECT_EQ(back->source().text(), "192.0.2.10:80");
  }
}

TEST(Forward, AnyPortAndPrefixServicesBothWays) {
  auto model = base_model();
  model.pools["all"] = pool(5, 7, 0);
  model.services["any"] =
      service("all", {listen("192.0.2.20", 0, net::Protocol::tcp), listen("2001:db8:1::20", 0, net::Protocol::tcp)});
  model.services["net"] = service(
      "all", {listen("203.0.113.0/24", 0, net::Protocol::tcp), listen("2001:db8:9::/64", 443, net::Protocol::tcp)});
  Lab lab(model);
  for (const auto& [client, vip] :
       {std::pair{"10.0.0.1", "192.0.2.20:443"}, std::pair{"10.0.0.1", "192.0.2.20:444"},
        std::pair{"10.0.0.1", "203.0.113.7:443"}, std::pair{"10.0.0.1", "203.0.113.8:443"},
        std::pair{"2001:db8:c::1", "[2001:db8:1::20]:25"}, std::pair{"2001:db8:c::1", "[2001:db8:9::77]:443"}}) {
    SCOPED_TRACE(vip);
    Talk talk(lab, client, 1000, vip);
    const auto at = talk.open();
    ASSERT_NE(at, "");
    EXPECT_EQ(endpoint(at).l4_port, endpoint(vip).l4_port);
    EXPECT_TRUE(talk.down());
  }
  EXPECT_GE(lab.count(Counter::flow_port_rewritten), 1u);  // one client port, two VIPs, one backend
  EXPECT_EQ(lab.live_flows(), 12u);
}

TEST(Forward, OwnAddressesAnswerPingOnAllInterfaces) {
  Lab lab;
  for (const auto& [port, from, to] :
       {std::tuple{front_port, "10.0.0.1", "192.0.2.1"}, std::tuple{front_port, "10.0.0.1", "192.0.2.10"},
        std::tuple{front_port, "2001:db8:c::1", "2001:db8:1::10"},
        std::tuple{back_port, "198.51.100.11", "198.51.100.1"}, std::tuple{back_port, "198.51.100.11", "192.0.2.1"},
        std::tuple{front_port, "10.0.0.1", "198.51.100.1"}}) {
    const auto out =
        lab.send_one(port, PacketBuilder()
                               .ethernet(gateway_mac, port == front_port ? front_mac : back_mac)
                               .ip(from, to)
                               .icmp(ip(from).is_v4() ? net::icmp::echo_request : net::icmpv6::echo_request)
                               .build());
    ASSERT_TRUE(out) << to;
    EXPECT_EQ(out->port, port);
    EXPECT_EQ(out->parsed.source, ip(to));
    EXPECT_EQ(out->parsed.destination, ip(from));
  }
}

TEST(Forward, TransitRules) {
  const auto packet =
      PacketBuilder().ethernet(backend_mac(1), back_mac).ip("198.51.100.11", "203.0.113.5").tcp(4000, 443);
  {
    auto model = base_model();
    model.ports["back"].transit = model::Transit::route;
    Lab lab(model);
    const auto out = lab.send_one(back_port, packet.build());
    ASSERT_TRUE(out);
    EXPECT_EQ(out->port, front_port);
    EXPECT_EQ(out->source().text(), "198.51.100.11:4000");
    EXPECT_EQ(lab.count(Counter::routed), 1u);
  }
  {
    auto model = base_model();
    model.ports["back"].transit = model::Transit::kernel;
    model.ports["back"].kernel = "net_null0";
    Lab lab(model);
    const auto out = lab.send_one(back_port, packet.build());
    ASSERT_TRUE(out);
    EXPECT_TRUE(out->to_kernel);
    EXPECT_EQ(out->bytes, packet.build());
  }
  Lab lab;
  EXPECT_FALSE(lab.send_one(back_port, packet.build()));
  EXPECT_EQ(lab.count(Counter::drop_no_service), 1u);
}

TEST(Forward, TheKernelGetsFramesOfVlansWithTheirTags) {
  auto model = base_model();
  model.ports["front"].kernel = "net_null0";
  model.ports["front"].vlans[100].addresses = {*net::Prefix::parse("203.0.113.1/24")};
  Lab lab(model);
  for (const char* const own : {"203.0.113.1", "192.0.2.1"}) {
    const auto frame =
        PacketBuilder().ethernet(gateway_mac, front_mac).tag(100).ip("203.0.113.9", own).tcp(4000, 22).build();
    const auto out = lab.send_one(front_port, frame);
    ASSERT_TRUE(out) << own;
    EXPECT_TRUE(out->to_kernel) << own;
    EXPECT_EQ(out->bytes, frame) << own;
  }
}

TEST(Forward, BackendAsClientOfItsOwnVipIsNoAnswer) {
  Lab lab;
  // From a service's backend port to a VIP where nothing listens: no return packet.
  EXPECT_FALSE(lab.send_one(
      back_port,
      PacketBuilder().ethernet(backend_mac(1), back_mac).ip("198.51.100.11", "192.0.2.10").tcp(8080, 9).build()));
  EXPECT_EQ(lab.count(Counter::drop_no_service), 1u);
}

}  // namespace
}  // namespace limpet::path
