#include "support.hpp"

namespace limpet::l3 {
namespace {

const Mac other_mac{{0x02, 0, 0, 0, 0, 0x77}};
constexpr auto solicited = net::nd::solicited_flag, overriding = net::nd::override_flag;

std::optional<NdMessage> nd_of(const Bytes& frame) {
  return read_nd(frame, parse_all(frame));
}
std::optional<ArpMessage> arp_of(const Bytes& frame) {
  return read_arp(frame, parse_all(frame));
}

PacketBuilder solicitation(const char* source = "2001:db8::1", const char* destination = "ff02::1:ff00:2",
                           std::optional<Mac> source_mac = test::client_mac) {
  return PacketBuilder().ip(source, destination).solicitation("2001:db8::2", source_mac);
}

TEST(ReadArp, RequestAndReply) {
  const auto request = arp_of(PacketBuilder().tag(7).arp(1, other_mac, "192.0.2.1", {}, "192.0.2.2").build());
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->reply);
  EXPECT_EQ(request->sender_mac, other_mac);
  EXPECT_EQ(request->sender, test::ip("192.0.2.1"));
  EXPECT_EQ(request->target, test::ip("192.0.2.2"));
  const auto reply = arp_of(PacketBuilder().arp(2, other_mac, "192.0.2.1", test::client_mac, "192.0.2.2").build());
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->reply);
  EXPECT_EQ(reply->target_mac, test::client_mac);
}

TEST(ReadArp, RefusesOtherKinds) {
  const Bytes good = PacketBuilder().arp(1, other_mac, "192.0.2.1", {}, "192.0.2.2").build();
  ASSERT_TRUE(arp_of(good));
  for (const std::size_t at : {14, 15, 16, 17, 18, 19, 20, 21}) {  // each byte before the addresses
    Bytes bad = good;
    bad[at] ^= 0x40;
    EXPECT_FALSE(arp_of(bad)) << at;
  }
  EXPECT_FALSE(arp_of(PacketBuilder().ip("192.0.2.1", "192.0.2.2").udp(1, 2).build()));
}

TEST(ReadNd, Solicitation) {
  const auto nd = nd_of(solicitation().build());
  ASSERT_TRUE(nd);
  EXPECT_FALSE(nd->advertisement);
  EXPECT_EQ(nd->source, test::ip("2001:db8::1"));
  EXPECT_EQ(nd->target, test::ip("2001:db8::2"));
  EXPECT_EQ(nd->link_address, test::client_mac);
}

TEST(ReadNd, Advertisement) {
  const auto nd = nd_of(PacketBuilder()
                            .ip("2001:db8::1", "2001:db8::9")
                            .advertisement("2001:db8::1", solicited | overriding, other_mac)
                            .build());
  ASSERT_TRUE(nd);
  EXPECT_TRUE(nd->advertisement && nd->solicited && nd->override_entry);
  EXPECT_EQ(nd->link_address, other_mac);
  const auto bare = nd_of(PacketBuilder().ip("2001:db8::1", "2001:db8::9").advertisement("2001:db8::1", 0, {}).build());
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->solicited || bare->override_entry || bare->link_address);
}

/// RFC 4861, sections 7.1.1 and 7.1.2, rule by rule.
TEST(ReadNd, RefusesWhatTheRulesRefuse) {
  Bytes damaged = solicitation().build();
  damaged.back() ^= 1;
  const Bytes code = PacketBuilder().ip("2001:db8::1", "2001:db8::2").icmp(135, 1, Bytes(20, 1)).ttl(255).build();
  const auto with_options = [](Bytes options) {
    Bytes rest(4);
    test::append_address(rest, test::ip("2001:db8::2"));
    test::append(rest, options);
    return PacketBuilder().ip("2001:db8::1", "2001:db8::2").icmp(135, 0, rest).ttl(255).build();
  };
  ASSERT_TRUE(nd_of(with_options({})));
  ASSERT_TRUE(nd_of(with_options({14, 1, 0, 0, 0, 0, 0, 0})));  // an option that is not known is skipped
  const std::pair<const char*, Bytes> rows[] = {
      {"hop limit", solicitation().ttl(254).build()},
      {"checksum", damaged},
      {"code", code},
      {"too short", PacketBuilder().ip("2001:db8::1", "2001:db8::2").icmp(135, 0, Bytes(19)).ttl(255).build()},
      {"group as target",
       PacketBuilder().ip("2001:db8::1", "2001:db8::2").solicitation("ff02::1", test::client_mac).build()},
      {"option of length 0", with_options({1, 0, 2, 0, 0, 0, 0, 1})},
      {"option beyond the end", with_options({1, 2, 2, 0, 0, 0, 0, 1})},
      {"half an option", with_options({1})},
      {"from nobody with a link address", solicitation("::", "ff02::1:ff00:2").build()},
      {"from nobody to no solicited-node group", solicitation("::", "2001:db8::2", {}).build()},
      {"solicited advertisement to a group",
       PacketBuilder().ip("2001:db8::1", "ff02::1").advertisement("2001:db8::1", solicited, other_mac).build()},
      {"echo", PacketBuilder().ip("2001:db8::1", "2001:db8::2").icmp(128, 0, Bytes(20)).ttl(255).build()},
      {"IPv4", PacketBuilder().ip("192.0.2.1", "192.0.2.2").icmp(135, 0, Bytes(20)).ttl(255).build()},
  };
  for (const auto& [name, frame] : rows) {
    EXPECT_FALSE(nd_of(frame)) << name;
  }
  EXPECT_TRUE(nd_of(solicitation("::", "ff02::1:ff00:2", {}).build()));
}

TEST(MakeArp, AsBuiltByHand) {
  std::array<std::uint8_t, 156> out;
  const Link link{test::limpet_mac, 0};
  const auto sender = test::ip("192.0.2.2"), target = test::ip("192.0.2.1");
  std::size_t size = make_arp_request(out, link, sender, target);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, test::mac("ff:ff:ff:ff:ff:ff"))
                                                        .arp(1, test::limpet_mac, "192.0.2.2", {}, "192.0.2.1")
                                                        .build());
  size = make_arp_request(out, {test::limpet_mac, 100}, sender, target, &other_mac);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, other_mac)
                                                        .tag(100)
                                                        .arp(1, test::limpet_mac, "192.0.2.2", {}, "192.0.2.1")
                                                        .build());
  size = make_gratuitous_arp(out, link, sender);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, test::mac("ff:ff:ff:ff:ff:ff"))
                                                        .arp(1, test::limpet_mac, "192.0.2.2", {}, "192.0.2.2")
                                                        .build());
  EXPECT_EQ(make_arp_request(std::span(out).first(41), link, sender, target), 0u);
}

TEST(MakeNd, AsBuiltByHand) {
  std::array<std::uint8_t, 156> out;
  const Link link{test::limpet_mac, 100};
  const auto source = test::ip("2001:db8::1"), target = test::ip("2001:db8::abcd:ef01");
  std::size_t size = make_solicitation(out, link, source, target);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, test::mac("33:33:ff:cd:ef:01"))
                                                        .tag(100)
                                                        .ip("2001:db8::1", "ff02::1:ffcd:ef01")
                                                        .solicitation("2001:db8::abcd:ef01", test::limpet_mac)
                                                        .build());
  size = make_solicitation(out, link, source, target, &other_mac);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, other_mac)
                                                        .tag(100)
                                                        .ip("2001:db8::1", "2001:db8::abcd:ef01")
                                                        .solicitation("2001:db8::abcd:ef01", test::limpet_mac)
                                                        .build());
  size = make_unsolicited_advertisement(out, link, source);
  EXPECT_EQ(Bytes(out.begin(), out.begin() + size), PacketBuilder()
                                                        .ethernet(test::limpet_mac, test::mac("33:33:00:00:00:01"))
                                                        .tag(100)
                                                        .ip("2001:db8::1", "ff02::1")
                                                        .advertisement("2001:db8::1", 0xa0, test::limpet_mac)
                                                        .build());
  EXPECT_EQ(make_solicitation(std::span(out).first(89), link, source, target), 0u);
}

TEST(LinkLocal, IsMadeOfTheMac) {
  EXPECT_EQ(link_local_of(test::mac("02:11:22:33:44:55")), test::ip("fe80::11:22ff:fe33:4455"));
}

}  // namespace
}  // namespace limpet::l3
