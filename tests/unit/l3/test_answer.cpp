#include "l3/answer.hpp"

#include "support.hpp"

namespace limpet::l3 {
namespace {

const Mac all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};

/// The answer to `question` by the owner of 192.0.2.10 and 2001:db8::10; empty when there is none.
Bytes answer_to(const Bytes& question, std::size_t room = 64) {
  Editable frame(question, room);
  const auto ours = [](const IpAddress& a) { return a == test::ip("192.0.2.10") || a == test::ip("2001:db8::10"); };
  const Answer result = answer(frame.buffer, frame.parsed, test::limpet_mac, ours);
  if (result == Answer::none) {
    EXPECT_EQ(frame.bytes(question.size()), question) << "an unanswered frame is left as it was";
    return {};
  }
  return frame.bytes(frame.buffer.size);
}

PacketBuilder from_client() {
  return PacketBuilder().ethernet(test::client_mac, test::limpet_mac);
}
PacketBuilder from_limpet() {
  return PacketBuilder().ethernet(test::limpet_mac, test::client_mac);
}

TEST(Answer, Arp) {
  EXPECT_EQ(
      answer_to(from_client().tag(5).arp(1, test::client_mac, "192.0.2.1", {}, "192.0.2.10").padded_to(64).build()),
      from_limpet().tag(5).arp(2, test::limpet_mac, "192.0.2.10", test::client_mac, "192.0.2.1").build());
  // An address probe (RFC 5227) is answered like any request.
  EXPECT_EQ(answer_to(from_client().arp(1, test::client_mac, "0.0.0.0", {}, "192.0.2.10").build()),
            from_limpet().arp(2, test::limpet_mac, "192.0.2.10", test::client_mac, "0.0.0.0").build());
}

TEST(Answer, Solicitation) {
  EXPECT_EQ(answer_to(from_client()
                          .tag(5)
                          .ip("2001:db8::1", "ff02::1:ff00:10")
                          .solicitation("2001:db8::10", test::client_mac)
                          .build()),
            from_limpet()
                .tag(5)
                .ip("2001:db8::10", "2001:db8::1")
                .advertisement("2001:db8::10", 0xe0, test::limpet_mac)
                .build());
}

TEST(Answer, SolicitationWithoutOptionGrows) {
  const Bytes question = from_client().ip("2001:db8::1", "2001:db8::10").solicitation("2001:db8::10", {}).build();
  EXPECT_EQ(
      answer_to(question, 8),
      from_limpet().ip("2001:db8::10", "2001:db8::1").advertisement("2001:db8::10", 0xe0, test::limpet_mac).build());
  EXPECT_EQ(answer_to(question, 7), Bytes{});
}

TEST(Answer, DuplicateAddressDetection) {
  EXPECT_EQ(answer_to(from_client().ip("::", "ff02::1:ff00:10").solicitation("2001:db8::10", {}).build()),
            PacketBuilder()
                .ethernet(test::limpet_mac, all_nodes_mac)
                .ip("2001:db8::10", "ff02::1")
                .advertisement("2001:db8::10", 0xa0, test::limpet_mac)
                .build());
}

TEST(Answer, Echo) {
  // The builder sets "don't fragment" on what it builds, the answer has it clear.
  Bytes expected = from_limpet().tag(5).ip("192.0.2.10", "192.0.2.1").traffic_class(8).icmp(0).payload("abc").build();
  store_be<std::uint16_t>(&expected[18 + net::ipv4::fragment], 0);
  store_be<std::uint16_t>(&expected[18 + net::ipv4::checksum], 0);
  const std::uint16_t sum = test::plain_checksum(Bytes(expected.begin() + 18, expected.begin() + 38));
  store_be<std::uint16_t>(&expected[18 + net::ipv4::checksum], sum);
  const auto question = from_client().tag(5).ip("192.0.2.1", "192.0.2.10").traffic_class(8).icmp(8).payload("abc");
  EXPECT_EQ(answer_to(question.build(), 0), expected);
  EXPECT_EQ(answer_to(PacketBuilder(question).options(Bytes(8, 1)).padded_to(100).build(), 0), expected);
}

TEST(Answer, EchoOfIpv6) {
  const Bytes expected =
      from_limpet().ip("2001:db8::10", "2001:db8::1").traffic_class(8).icmp(129).payload("abc").build();
  const auto question =
      from_client().ip("2001:db8::1", "2001:db8::10").traffic_class(8).ttl(3).icmp(128).payload("abc");
  EXPECT_EQ(answer_to(question.build(), 0), expected);
  EXPECT_EQ(answer_to(PacketBuilder(question).extension(0).extension(60).build(), 0), expected);
}

TEST(Answer, StaysSilent) {
  const std::pair<const char*, Bytes> rows[] = {
      {"ARP for another", from_client().arp(1, test::client_mac, "192.0.2.1", {}, "192.0.2.11").build()},
      {"ARP reply", from_client().arp(2, test::client_mac, "192.0.2.1", test::limpet_mac, "192.0.2.10").build()},
      {"announcement", from_client().arp(1, test::client_mac, "192.0.2.10", {}, "192.0.2.10").build()},
      {"solicitation of another",
       from_client().ip("2001:db8::1", "ff02::1:ff00:11").solicitation("2001:db8::11", test::client_mac).build()},
      {"solicitation from afar", from_client()
                                     .ip("2001:db8::1", "ff02::1:ff00:10")
                                     .solicitation("2001:db8::10", test::client_mac)
                                     .ttl(64)
                                     .build()},
      {"advertisement",
       from_client().ip("2001:db8::1", "2001:db8::10").advertisement("2001:db8::10", 0, test::client_mac).build()},
      {"echo to another", from_client().ip("192.0.2.1", "192.0.2.11").icmp(8).build()},
      {"echo reply", from_client().ip("192.0.2.1", "192.0.2.10").icmp(0).build()},
      {"fragment of an echo", from_client().ip("192.0.2.1", "192.0.2.10").fragment(0, true).icmp(8).build()},
      {"echo from a group", from_client().ip("224.0.0.1", "192.0.2.10").icmp(8).build()},
      {"echo from broadcast", from_client().ip("255.255.255.255", "192.0.2.10").icmp(8).build()},
      {"echo from nobody", from_client().ip("::", "2001:db8::10").icmp(128).build()},
      {"echo from a group's MAC",
       PacketBuilder().ethernet(all_nodes_mac, test::limpet_mac).ip("2001:db8::1", "2001:db8::10").icmp(128).build()},
      {"TCP", from_client().ip("192.0.2.1", "192.0.2.10").tcp(1, 80).build()},
      {"ICMPv6 echo in IPv4",
       from_client().ip("192.0.2.1", "192.0.2.10").protocol(58).payload("\x80\0\0\0\0\0\0\0").build()},
  };
  for (const auto& [name, frame] : rows) {
    EXPECT_EQ(answer_to(frame), Bytes{}) << name;
  }
}

TEST(Answer, DamagedEchoStaysDamaged) {
  Bytes question = from_client().ip("192.0.2.1", "192.0.2.10").icmp(8).payload("abcd").build();
  question.back() ^= 1;
  const Bytes reply = answer_to(question);
  ASSERT_FALSE(reply.empty());
  EXPECT_NE(test::plain_checksum(Bytes(reply.begin() + 34, reply.end())), 0);
}

}  // namespace
}  // namespace limpet::l3
