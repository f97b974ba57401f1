// Outer headers byte by byte, and that what receivers check of them is right, for every kind of packet inside.
#include "net/encap.hpp"

#include <gtest/gtest.h>

#include "net/checksum.hpp"
#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::ip;
using test::PacketBuilder;

constexpr std::size_t room = encap_size_max;

/// The frame in front of which there is room; `parsed` as if the frame began there.
struct Frame {
  explicit Frame(const Bytes& frame) : bytes(room) {
    test::append(bytes, frame);
    parse(at(), frame.size(), frame.size(), parsed);
  }
  std::uint8_t* at() { return bytes.data() + room; }
  /// The IP packet with the `size` bytes in front of it.
  [[nodiscard]] Bytes with_outer(std::size_t size) const {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(room + parsed.l3_offset - size);
    return {begin, begin + static_cast<std::ptrdiff_t>(size + parsed.l3_size)};
  }
  Bytes bytes;
  Parsed parsed;
};

Outer outer_of(Encap encap, Family family) {
  Outer outer;
  outer.encap = encap;
  outer.source = ip(family == Family::v4 ? "198.51.100.1" : "2001:db8:2::1");
  outer.destination = ip(family == Family::v4 ? "198.51.100.11" : "2001:db8:2::b");
  outer.identification = 0x1234;
  outer.flow_label = 0xabcde;
  outer.source_port = 0xc123;
  outer.destination_port = 6080;
  return outer;
}

PacketBuilder packet(Family family) {
  return family == Family::v4 ? PacketBuilder().ip("203.0.113.9", "192.0.2.10")
                              : PacketBuilder().ip("2001:db8:99::9", "2001:db8:1::10");
}

TEST(Encap, GoldenIpip4) {
  Frame frame(packet(Family::v4).traffic_class(0xb9).udp(1, 2).payload("x").build());
  Outer outer = outer_of(Encap::ipip, Family::v4);
  outer.ttl = 17;
  ASSERT_TRUE(encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer));
  const Bytes all = frame.with_outer(20);
  const Bytes golden{0x45, 0xb9, 0, 49, 0x12, 0x34, 0x40, 0, 17, 4, 0x02, 0x69, 198, 51, 100, 1, 198, 51, 100, 11};
  EXPECT_EQ(test::plain_checksum(golden), 0);
  EXPECT_EQ(Bytes(all.begin(), all.begin() + 20), golden);
}

TEST(Encap, GoldenGre6) {
  Frame frame(packet(Family::v4).traffic_class(0x28).udp(1, 2).payload("x").build());
  ASSERT_TRUE(
      encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer_of(Encap::gre, Family::v6)));
  const Bytes all = frame.with_outer(44);
  Bytes head(all.begin(), all.begin() + 44);
  EXPECT_EQ(Bytes(head.begin() + 40, head.end()), (Bytes{0, 0, 0x08, 0x00}));
  EXPECT_EQ(Bytes(head.begin(), head.begin() + 8), (Bytes{0x62, 0x8a, 0xbc, 0xde, 0, 33, 47, 64}));
  EXPECT_EQ(IpAddress::v6(&head[8]), ip("2001:db8:2::1"));
  EXPECT_EQ(IpAddress::v6(&head[24]), ip("2001:db8:2::b"));
}

TEST(Encap, GoldenGue4) {
  Frame frame(packet(Family::v6).udp(1, 2).payload("x").build());
  ASSERT_TRUE(
      encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer_of(Encap::gue, Family::v4)));
  const Bytes all = frame.with_outer(32);
  EXPECT_EQ(all[9], ip_protocol::udp);
  EXPECT_EQ(Bytes(all.begin() + 20, all.begin() + 26), (Bytes{0xc1, 0x23, 0x17, 0xc0, 0, 61}));
  EXPECT_EQ(Bytes(all.begin() + 28, all.begin() + 32), (Bytes{0, 41, 0, 0}));
}

struct Row {
  const char* what;
  PacketBuilder inner;
  bool known_sum = true;  // the packet's own checksum tells that of its payload
};

PacketBuilder tagged(Family family) {
  return packet(family).tag(7).tag(8);
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const Family family : {Family::v4, Family::v6}) {
    all.push_back({"tcp", packet(family).traffic_class(0x2e).tcp(40000, 80).payload("odd")});
    all.push_back({"tcp with options", packet(family).tcp(40000, 80, 2, Bytes(12, 1))});
    all.push_back({"udp", packet(family).udp(40000, 53).payload("question")});
    all.push_back({"udp of nothing", packet(family).udp(40000, 53)});
    all.push_back({"padded", packet(family).udp(40000, 53).payload("x").padded_to(90)});
    all.push_back({"tagged", tagged(family).tcp(40000, 80).payload("hello")});
    all.push_back({"icmp", packet(family).icmp(3, 4).payload("quoted"), false});
    all.push_back({"first fragment", packet(family).udp(40000, 53).payload(Bytes(24, 7)).fragment(0, true), false});
    all.push_back({"later fragment", packet(family).udp(1, 2).payload(Bytes(23, 7)).fragment(24, false), false});
  }
  all.push_back({"options", packet(Family::v4).options({1, 1, 1, 0}).tcp(1, 2).payload("abc"), false});
  all.push_back({"extension", packet(Family::v6).extension(60).tcp(1, 2).payload("abc"), false});
  return all;
}

/// What a receiver checks before it looks inside.
void expect_right(const Bytes& all, const Row& row, Encap encap, Family outer, Family inner) {
  Bytes framed(14);
  store_be<std::uint16_t>(&framed[12], outer == Family::v4 ? ether_type::ipv4 : ether_type::ipv6);
  test::append(framed, all);
  Parsed parsed;
  parse(framed.data(), framed.size(), framed.size(), parsed);
  ASSERT_EQ(parsed.error, ParseError::none) << row.what;
  EXPECT_EQ(parsed.l3_size, all.size()) << row.what;
  const std::uint8_t inner_protocol = inner == Family::v4 ? 4 : 41;
  EXPECT_EQ(parsed.protocol, encap == Encap::ipip ? inner_protocol : encap == Encap::gre ? 47 : 17) << row.what;
  if (encap == Encap::gue) {
    const Bytes message(framed.begin() + parsed.l4_offset, framed.end());
    EXPECT_EQ(load_be<std::uint16_t>(&message[udp::length]), message.size());
    EXPECT_NE(load_be<std::uint16_t>(&message[udp::checksum]), 0);
    EXPECT_EQ(test::plain_l4_checksum(parsed.source, parsed.destination, 17, message), 0) << row.what;
  }
}

TEST(Encap, EveryPacketInEveryTunnel) {
  for (const Row& row : rows()) {
    for (const Encap encap : {Encap::ipip, Encap::gre, Encap::gue}) {
      for (const Family family : {Family::v4, Family::v6}) {
        Frame frame(row.inner.build());
        ASSERT_EQ(frame.parsed.error, ParseError::none) << row.what;
        const Bytes before = frame.with_outer(0);
        const Outer outer = outer_of(encap, family);
        ASSERT_TRUE(encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer)) << row.what;
        const std::size_t size = encap_size(encap, family);
        const Bytes all = frame.with_outer(size);
        EXPECT_EQ(Bytes(all.begin() + static_cast<std::ptrdiff_t>(size), all.end()), before) << row.what;
        expect_right(all, row, encap, family, frame.parsed.source.family());
        const auto read = read_outer(all);
        ASSERT_TRUE(read) << row.what;
        EXPECT_EQ(read->encap, encap);
        EXPECT_EQ(read->source, outer.source);
        EXPECT_EQ(read->destination, outer.destination);
        EXPECT_EQ(read->inner_offset, size);
        EXPECT_EQ(read->source_port, encap == Encap::gue ? outer.source_port : 0);
      }
    }
  }
}

TEST(Encap, ChecksumOfWhatLiesElsewhere) {
  for (const Row& row : rows()) {
    Frame frame(row.inner.build());
    const std::size_t readable =
        std::size_t{frame.parsed.l4_offset == 0 ? frame.parsed.l3_offset + 20u : frame.parsed.l4_offset + 8u};
    EXPECT_EQ(encapsulate(inner_of(frame.at(), frame.parsed, readable), outer_of(Encap::gue, Family::v6)),
              row.known_sum || readable >= std::size_t{frame.parsed.l3_offset} + frame.parsed.l3_size)
        << row.what;
    Frame other(row.inner.build());
    ASSERT_TRUE(encapsulate(inner_of(other.at(), other.parsed, readable), outer_of(Encap::gue, Family::v4)));
    const Bytes all = other.with_outer(32);
    EXPECT_EQ(load_be<std::uint16_t>(&all[20 + udp::checksum]) != 0,
              row.known_sum || readable >= std::size_t{other.parsed.l3_offset} + other.parsed.l3_size)
        << row.what;
  }
}

TEST(Encap, UdpWithoutChecksumIsSummed) {
  Bytes bytes = packet(Family::v4).udp(1, 2).payload("no checksum").build();
  bytes[14 + 20 + 6] = bytes[14 + 20 + 7] = 0;
  Frame frame(bytes);
  ASSERT_TRUE(
      encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer_of(Encap::gue, Family::v6)));
  expect_right(frame.with_outer(52), {"none", {}}, Encap::gue, Family::v6, Family::v4);
}

TEST(Encap, DamageInsideStaysDetectable) {
  Bytes bytes = packet(Family::v4).tcp(1, 2).payload("payload").build();
  bytes.back() ^= 0x40;
  Frame frame(bytes);
  ASSERT_TRUE(
      encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer_of(Encap::gue, Family::v4)));
  const Bytes all = frame.with_outer(32);
  EXPECT_NE(test::plain_l4_checksum(ip("198.51.100.1"), ip("198.51.100.11"), 17, Bytes(all.begin() + 20, all.end())),
            0);
}

TEST(Encap, NotCutButWhereAsked) {
  Frame frame(packet(Family::v4).tcp(1, 2).build());
  Outer outer = outer_of(Encap::ipip, Family::v4);
  for (const bool set : {true, false}) {
    outer.dont_fragment = set;
    ASSERT_TRUE(encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer));
    EXPECT_EQ(frame.with_outer(20)[6], set ? 0x40 : 0);
  }
}

TEST(Encap, ReadsNothingFromPacketsCutShort) {
  for (const Row& row : rows()) {
    for (const Encap encap : {Encap::ipip, Encap::gre, Encap::gue}) {
      Frame frame(row.inner.build());
      ASSERT_TRUE(
          encapsulate(inner_of(frame.at(), frame.parsed, frame.bytes.size() - room), outer_of(encap, Family::v4)));
      const std::size_t size = encap_size(encap, Family::v4);
      const Bytes all = frame.with_outer(size);
      for (std::size_t here = 0; here < all.size(); ++here) {
        const Bytes part(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(here));  // its own allocation
        EXPECT_EQ(read_outer(part).has_value(), here > size) << row.what << " " << here;
        EXPECT_LE(read_tuple(part).has_value(), here >= 28);
      }
    }
  }
}

TEST(Encap, OtherPacketsAreNoTunnel) {
  EXPECT_FALSE(read_outer({}));
  for (const auto& builder : {packet(Family::v4).tcp(1, 2), packet(Family::v4).udp(1, 2).payload(Bytes(40)),
                              packet(Family::v6).udp(1, 2).payload(Bytes(40)), packet(Family::v4).protocol(4),
                              packet(Family::v4).protocol(4).payload(Bytes(40, 0x65)),
                              packet(Family::v4).protocol(47).payload(Bytes(40, 0x45))}) {
    const Bytes frame = builder.build();
    EXPECT_FALSE(read_outer(std::span(frame).subspan(14)));
  }
}

TEST(Encap, ReadsTheTuple) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const bool tcp : {true, false}) {
      auto builder = packet(family);
      const Bytes frame = (tcp ? builder.tcp(40000, 80) : builder.udp(40000, 80).payload(Bytes(12))).build();
      const auto all = std::span(frame).subspan(14);
      const std::size_t needed = (family == Family::v4 ? 20 : 40) + 8;
      const auto read = read_tuple(all.first(needed));
      ASSERT_TRUE(read);
      EXPECT_EQ(read->source, ip(family == Family::v4 ? "203.0.113.9" : "2001:db8:99::9"));
      EXPECT_EQ(read->destination, ip(family == Family::v4 ? "192.0.2.10" : "2001:db8:1::10"));
      EXPECT_EQ(read->source_port, 40000);
      EXPECT_EQ(read->destination_port, 80);
      EXPECT_EQ(read->protocol, tcp ? 6 : 17);
      EXPECT_FALSE(read_tuple(all.first(needed - 1)));
    }
  }
  const Bytes later = packet(Family::v4).udp(1, 2).payload(Bytes(24)).fragment(8, true).build();
  EXPECT_FALSE(read_tuple(std::span(later).subspan(14)));
}

}  // namespace
}  // namespace limpet::net
