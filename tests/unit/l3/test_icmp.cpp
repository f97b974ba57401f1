#include "support.hpp"

namespace limpet::l3 {
namespace {

const auto own4 = test::ip("192.0.2.254");
const auto own6 = test::ip("2001:db8::fe");

Bytes error_about(const Bytes& packet, IcmpError error, std::size_t room = 64, std::uint16_t mtu = 0) {
  Editable frame(packet, room);
  const IpAddress& own = frame.parsed.source.is_v4() ? own4 : own6;
  const std::size_t size = error_in_place(frame.buffer, frame.parsed, error, test::limpet_mac, own, mtu);
  return frame.bytes(size);
}

PacketBuilder v4() {
  return PacketBuilder().ip("192.0.2.1", "198.51.100.2");
}
PacketBuilder v6() {
  return PacketBuilder().ip("2001:db8::1", "2001:db8:1::2");
}

struct Row {
  IcmpError error;
  std::uint8_t type4, code4, type6, code6;
};

TEST(IcmpError, NamesQuotesAndSumsUp) {
  const Row rows[] = {
      {IcmpError::ttl_exceeded, 11, 0, 3, 0}, {IcmpError::no_route, 3, 0, 1, 0},
      {IcmpError::no_neighbour, 3, 1, 1, 3},  {IcmpError::port_unreachable, 3, 3, 1, 4},
      {IcmpError::prohibited, 3, 13, 1, 1},   {IcmpError::too_big, 3, 4, 2, 0},
  };
  for (const Row& row : rows) {
    for (const bool is_v4 : {true, false}) {
      SCOPED_TRACE(static_cast<int>(row.error) * 10 + is_v4);
      const Bytes packet = (is_v4 ? v4() : v6()).tag(5).tcp(1, 2).payload("abc").padded_to(100).build();
      const Bytes error = error_about(packet, row.error, 64, 1400);
      ASSERT_FALSE(error.empty());
      const Parsed parsed = parse_all(error);
      const Parsed about = parse_all(packet);
      ASSERT_EQ(parsed.error, net::ParseError::none);  // the IPv4 checksum is right
      EXPECT_EQ(parsed.vlan, 5);
      EXPECT_EQ(Bytes(error.begin(), error.begin() + 6), Bytes(packet.begin() + 6, packet.begin() + 12));
      EXPECT_EQ(parsed.source, is_v4 ? own4 : own6);
      EXPECT_EQ(parsed.destination, about.source);
      EXPECT_EQ(parsed.icmp_type, is_v4 ? row.type4 : row.type6);
      const Bytes message(error.begin() + parsed.l4_offset, error.end());
      EXPECT_EQ(message[1], is_v4 ? row.code4 : row.code6);
      EXPECT_EQ(load_be<std::uint32_t>(&message[4]), row.error == IcmpError::too_big ? 1400u : 0u);
      EXPECT_EQ(is_v4 ? test::plain_checksum(message)
                      : test::plain_l4_checksum(parsed.source, parsed.destination, 58, message),
                0);
      // The whole packet without the padding.
      EXPECT_EQ(Bytes(message.begin() + 8, message.end()),
                Bytes(packet.begin() + about.l3_offset, packet.begin() + about.l3_offset + about.l3_size));
    }
  }
}

TEST(IcmpError, QuotesNoMoreThanAllowed) {
  EXPECT_EQ(error_about(v4().udp(1, 2).payload(Bytes(1400)).build(), IcmpError::ttl_exceeded).size(), 14u + 576u);
  EXPECT_EQ(error_about(v6().udp(1, 2).payload(Bytes(1400)).build(), IcmpError::ttl_exceeded).size(), 14u + 1280u);
}

TEST(IcmpError, QuotesWhatTheBufferHolds) {
  const Bytes packet = v4().udp(1, 2).payload(Bytes(100)).build();
  EXPECT_EQ(error_about(packet, IcmpError::ttl_exceeded, 10).size(), packet.size() + 10);
  const Bytes small = v4().udp(1, 2).build();
  EXPECT_EQ(error_about(small, IcmpError::ttl_exceeded, 28).size(), small.size() + 28);
  EXPECT_TRUE(error_about(small, IcmpError::ttl_exceeded, 27).empty());
  EXPECT_TRUE(error_about(small, IcmpError::ttl_exceeded, 0).empty());
}

TEST(IcmpError, IsNotSentAboutThese) {
  const net::Mac group{{0x01, 0, 0x5e, 0, 0, 1}}, broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  const std::pair<const char*, Bytes> rows[] = {
      {"ICMP error", v4().icmp(3, 1).payload(Bytes(28)).build()},
      {"ICMP time exceeded", v4().icmp(11).payload(Bytes(28)).build()},
      {"ICMP redirect", v4().icmp(5).payload(Bytes(28)).build()},
      {"ICMPv6 error", v6().icmp(1).payload(Bytes(48)).build()},
      {"ICMPv6 packet too big", v6().icmp(2).payload(Bytes(48)).build()},
      {"ICMPv6 redirect", v6().icmp(137).payload(Bytes(48)).build()},
      {"later fragment", v4().fragment(8, true).udp(1, 2).payload(Bytes(32)).build()},
      {"later fragment of IPv6", v6().fragment(8, true).udp(1, 2).payload(Bytes(32)).build()},
      {"to a group", PacketBuilder().ip("192.0.2.1", "224.0.0.9").udp(1, 2).build()},
      {"to an IPv6 group", PacketBuilder().ip("2001:db8::1", "ff0e::9").udp(1, 2).build()},
      {"to everyone", PacketBuilder().ip("192.0.2.1", "255.255.255.255").udp(1, 2).build()},
      {"to a group's MAC", v4().ethernet(test::client_mac, group).udp(1, 2).build()},
      {"to the broadcast MAC", v6().ethernet(test::client_mac, broadcast).udp(1, 2).build()},
      {"from nobody", PacketBuilder().ip("0.0.0.0", "198.51.100.2").udp(1, 2).build()},
      {"from nobody in IPv6", PacketBuilder().ip("::", "2001:db8::2").udp(1, 2).build()},
      {"from loopback", PacketBuilder().ip("127.0.0.1", "198.51.100.2").udp(1, 2).build()},
      {"from IPv6 loopback", PacketBuilder().ip("::1", "2001:db8::2").udp(1, 2).build()},
      {"from a group", PacketBuilder().ip("224.0.0.1", "198.51.100.2").udp(1, 2).build()},
      {"from everyone", PacketBuilder().ip("255.255.255.255", "198.51.100.2").udp(1, 2).build()},
      {"ARP", PacketBuilder().arp(1, test::client_mac, "192.0.2.1", {}, "192.0.2.2").build()},
  };
  for (const auto& [name, frame] : rows) {
    EXPECT_TRUE(error_about(frame, IcmpError::ttl_exceeded).empty()) << name;
  }
  EXPECT_FALSE(error_about(v4().icmp(8).build(), IcmpError::ttl_exceeded).empty());
  EXPECT_FALSE(error_about(v6().icmp(128).build(), IcmpError::ttl_exceeded).empty());
  EXPECT_FALSE(error_about(v4().fragment(0, true).udp(1, 2).build(), IcmpError::ttl_exceeded).empty());
}

}  // namespace
}  // namespace limpet::l3
