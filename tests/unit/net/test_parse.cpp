#include "net/parse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

/// Parses a copy in a heap block of exactly that size, so that a sanitizer sees a byte read behind it.
Parsed parse_exact(const Bytes& frame, std::size_t contiguous, std::size_t frame_size) {
  const auto block = std::make_unique<std::uint8_t[]>(contiguous);
  std::copy_n(frame.begin(), contiguous, block.get());
  Parsed parsed;
  parse(block.get(), contiguous, frame_size, parsed);
  return parsed;
}
Parsed parse_exact(const Bytes& frame) {
  return parse_exact(frame, frame.size(), frame.size());
}

PacketBuilder v4() {
  return PacketBuilder().ip("192.0.2.1", "198.51.100.2");
}
PacketBuilder v6() {
  return PacketBuilder().ip("2001:db8::1", "2001:db8::2");
}

Bytes extension_of_size(std::size_t size) {
  Bytes header(size);
  header[1] = static_cast<std::uint8_t>(size / 8 - 1);
  return header;
}
Bytes authentication() {
  Bytes header(24);
  header[1] = 4;
  return header;
}

struct Good {
  const char* name;
  Bytes frame;
  std::uint16_t l3_offset, l4_offset, l3_size;
  std::uint8_t protocol;
  std::uint16_t source_port, destination_port;
  std::uint8_t tcp_flags = 0;
  std::uint16_t vlan = 0, inner_vlan = 0;
  std::uint8_t icmp_type = 0;
  bool fragment = false, first_fragment = false;
};

std::vector<Good> good_packets() {
  namespace is = ip_protocol;
  const Bytes nop_options(40, 1);
  PacketBuilder nine_less_one = v6();
  nine_less_one.extension(is::hop_by_hop);
  for (int i = 0; i < 7; ++i) {
    nine_less_one.extension(is::destination_options);
  }
  return {
      {"tcp over IPv4", v4().tcp(1000, 80, 0x12).build(), 14, 34, 40, is::tcp, 1000, 80, 0x12},
      {"tcp over IPv6", v6().tcp(1000, 80, 0x02).build(), 14, 54, 60, is::tcp, 1000, 80, 0x02},
      {"udp over IPv4", v4().udp(1000, 53).payload("abc").build(), 14, 34, 31, is::udp, 1000, 53},
      {"udp over IPv6", v6().udp(1000, 53).build(), 14, 54, 48, is::udp, 1000, 53},
      {"padding is no part of the packet", v4().udp(7, 9).padded_to(60).build(), 14, 34, 28, is::udp, 7, 9},
      {"tcp options", v4().tcp(1, 2, 0x10, Bytes(40, 1)).build(), 14, 34, 80, is::tcp, 1, 2, 0x10},
      {"most IPv4 options", v4().options(nop_options).tcp(1, 2).build(), 14, 74, 80, is::tcp, 1, 2, 0x10},
      {"one tag", v4().tag(100).tcp(1, 2).build(), 18, 38, 40, is::tcp, 1, 2, 0x10, 100},
      {"priority bits are no id", v4().tag(0xe064).tcp(1, 2).build(), 18, 38, 40, is::tcp, 1, 2, 0x10, 100},
      {"priority tag", v4().tag(0).tcp(1, 2).build(), 18, 38, 40, is::tcp, 1, 2, 0x10, 0},
      {"two tags", v6().tag(100, ether_type::service).tag(7).udp(1, 2).build(), 22, 62, 48, is::udp, 1, 2, 0, 100, 7},
      {"ping", v4().icmp(8).build(), 14, 34, 28, is::icmp, 0, 0, 0, 0, 0, 8},
      {"ping over IPv6", v6().icmp(128).build(), 14, 54, 48, is::icmpv6, 0, 0, 0, 0, 0, 128},
      {"ICMPv6 in IPv4 is some protocol", v4().protocol(is::icmpv6).payload("\x80").build(), 14, 34, 21, is::icmpv6, 0,
       0},
      {"a protocol without ports", v4().protocol(47).payload("x").build(), 14, 34, 21, 47, 0, 0},
      {"nothing behind the header", v6().build(), 14, 54, 40, is::none, 0, 0},
      {"hop-by-hop", v6().extension(is::hop_by_hop).tcp(1, 2).build(), 14, 62, 68, is::tcp, 1, 2, 0x10},
      {"long destination options", v6().extension(is::destination_options, extension_of_size(64)).udp(3, 4).build(), 14,
       118, 112, is::udp, 3, 4},
      {"routing", v6().extension(is::routing).tcp(1, 2).build(), 14, 62, 68, is::tcp, 1, 2, 0x10},
      {"authentication", v6().extension(is::authentication, authentication()).tcp(1, 2).build(), 14, 78, 84, is::tcp, 1,
       2, 0x10},
      {"as many headers as are walked", nine_less_one.udp(1, 2).build(), 14, 118, 112, is::udp, 1, 2},
      {"first fragment", v4().fragment(0, true).udp(1, 2).payload("abcdefgh").build(), 14, 34, 36, is::udp, 1, 2, 0, 0,
       0, 0, true, true},
      {"later fragment", v4().fragment(1480, false).udp(1, 2).payload("abc").build(), 14, 0, 23, is::udp, 0, 0, 0, 0, 0,
       0, true, false},
      {"first fragment of IPv6", v6().fragment(0, true).tcp(1, 2).build(), 14, 62, 68, is::tcp, 1, 2, 0x10, 0, 0, 0,
       true, true},
      {"later fragment of IPv6", v6().fragment(8, true).tcp(1, 2).payload("abc").build(), 14, 0, 51, is::tcp, 0, 0, 0,
       0, 0, 0, true, false},
      {"atomic fragment", v6().fragment(0, false).tcp(1, 2).build(), 14, 62, 68, is::tcp, 1, 2, 0x10},
  };
}

TEST(Parse, ReadsWhatIsThere) {
  for (const Good& row : good_packets()) {
    SCOPED_TRACE(row.name);
    const Parsed parsed = parse_exact(row.frame);
    const bool is_v4 = parsed.ether_type == ether_type::ipv4;
    EXPECT_EQ(parsed.error, ParseError::none);
    EXPECT_EQ(parsed.kind, Kind::ip);
    EXPECT_EQ(parsed.source, is_v4 ? test::ip("192.0.2.1") : test::ip("2001:db8::1"));
    EXPECT_EQ(parsed.destination, is_v4 ? test::ip("198.51.100.2") : test::ip("2001:db8::2"));
    EXPECT_EQ(parsed.ttl, 64);
    EXPECT_EQ(parsed.l3_offset, row.l3_offset);
    EXPECT_EQ(parsed.l4_offset, row.l4_offset);
    EXPECT_EQ(parsed.l3_size, row.l3_size);
    EXPECT_EQ(parsed.protocol, row.protocol);
    EXPECT_EQ(parsed.source_port, row.source_port);
    EXPECT_EQ(parsed.destination_port, row.destination_port);
    EXPECT_EQ(parsed.tcp_flags, row.tcp_flags);
    EXPECT_EQ(parsed.vlan, row.vlan);
    EXPECT_EQ(parsed.inner_vlan, row.inner_vlan);
    EXPECT_EQ(parsed.icmp_type, row.icmp_type);
    EXPECT_EQ(parsed.fragment, row.fragment);
    EXPECT_EQ(parsed.first_fragment, row.first_fragment);
  }
}

/// A frame with one byte or 16-bit field set, and the IPv4 checksum made right again.
Bytes with(Bytes frame, std::size_t at, std::uint8_t value) {
  frame[at] = value;
  return frame;
}
Bytes with16(Bytes frame, std::size_t at, std::uint16_t value) {
  store_be<std::uint16_t>(&frame[at], value);
  return frame;
}
Bytes resummed(Bytes frame) {
  const std::size_t size = std::min<std::size_t>((frame[14] & 15u) * 4u, frame.size() - 14);
  store_be<std::uint16_t>(&frame[24], 0);
  const std::uint16_t sum =
      test::plain_checksum(Bytes(frame.begin() + 14, frame.begin() + 14 + static_cast<long>(size)));
  store_be<std::uint16_t>(&frame[24], sum);
  return frame;
}

struct Bad {
  const char* name;
  Bytes frame;
  ParseError error;
};

std::vector<Bad> bad_packets() {
  using enum ParseError;
  namespace is = ip_protocol;
  const Bytes tcp4 = v4().tcp(1, 2).build();
  const Bytes tcp6 = v6().tcp(1, 2).build();
  const Bytes udp4 = v4().udp(1, 2).payload("abcd").build();
  PacketBuilder nine = v6();
  for (int i = 0; i < 9; ++i) {
    nine.extension(is::destination_options);
  }
  Bytes short_authentication(8);
  return {
      {"empty", {}, truncated},
      {"an Ethernet header less a byte", Bytes(13), truncated},
      {"a tag cut off", Bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 1}, truncated},
      {"IHL below 5", resummed(with(tcp4, 14, 0x44)), malformed},
      {"IHL beyond the packet", with(v4().build(), 14, 0x4f), malformed},
      {"version 6 in an IPv4 frame", resummed(with(tcp4, 14, 0x65)), malformed},
      {"version 4 in an IPv6 frame", with(tcp6, 14, 0x40), malformed},
      {"total length below the header", resummed(with16(tcp4, 16, 19)), malformed},
      {"total length beyond the frame", resummed(with16(tcp4, 16, 41)), truncated},
      {"IPv4 header checksum", with(tcp4, 22, 63), malformed},
      {"IPv4 header checksum with options", with(v4().options(Bytes(4, 1)).udp(1, 2).build(), 22, 63), malformed},
      {"payload length beyond the frame", with16(tcp6, 18, 21), truncated},
      {"payload length that no offset holds", with16(tcp6, 18, 0xffff), malformed},
      {"TCP data offset below 5", with(tcp4, 46, 0x40), malformed},
      {"TCP data offset beyond the packet", with(tcp4, 46, 0x60), truncated},
      {"TCP data offset into the padding", with(v4().tcp(1, 2).padded_to(64).build(), 46, 0x60), truncated},
      {"no room for TCP", resummed(with16(tcp4, 16, 39)), truncated},
      {"no room for UDP", resummed(with16(udp4, 16, 27)), truncated},
      {"no room for ICMP", resummed(with16(v4().icmp(8).build(), 16, 27)), truncated},
      {"UDP length below 8", with16(udp4, 38, 7), malformed},
      {"UDP length beyond the payload", with16(udp4, 38, 13), malformed},
      {"UDP length within the payload", with16(udp4, 38, 9), none},
      {"a ninth extension header", nine.udp(1, 2).build(), extension_headers},
      {"hop-by-hop in the second place", v6().extension(is::routing).extension(is::hop_by_hop).udp(1, 2).build(),
       malformed},
      {"hop-by-hop twice", v6().extension(is::hop_by_hop).extension(is::hop_by_hop).udp(1, 2).build(), malformed},
      {"an extension header beyond the packet", with(v6().extension(is::routing).tcp(1, 2).build(), 55, 9), truncated},
      {"AH shorter than its fixed part", v6().extension(is::authentication, short_authentication).udp(1, 2).build(),
       malformed},
      {"a first fragment without its TCP header", v4().fragment(0, true).protocol(is::tcp).payload("12345678").build(),
       truncated},
      {"ARP cut off", PacketBuilder().ether_type(ether_type::arp).payload(Bytes(27)).build(), truncated},
  };
}

TEST(Parse, NamesWhatIsWrong) {
  for (const Bad& row : bad_packets()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(parse_exact(row.frame).error, row.error);
  }
}

TEST(Parse, RefusesMappedAddressesOnTheWire) {
  for (const std::size_t at : {std::size_t{22}, std::size_t{38}}) {  // source, destination
    Bytes frame = v6().tcp(1, 2).build();
    std::copy_n(test::ip("192.0.2.1").bytes(), 16, &frame[at]);
    EXPECT_EQ(parse_exact(frame).error, ParseError::malformed);
  }
}

TEST(Parse, KnowsArpAndOtherFrames) {
  const Parsed arp =
      parse_exact(PacketBuilder().tag(5).arp(1, test::client_mac, "192.0.2.1", {}, "192.0.2.2").padded_to(60).build());
  EXPECT_EQ(arp.kind, Kind::arp);
  EXPECT_EQ(arp.error, ParseError::none);
  EXPECT_EQ(arp.l3_offset, 18);
  EXPECT_EQ(arp.l3_size, 28);
  EXPECT_EQ(arp.vlan, 5);
  const Parsed other = parse_exact(PacketBuilder().ether_type(0x88cc).payload("lldp").build());
  EXPECT_EQ(other.kind, Kind::other);
  EXPECT_EQ(other.error, ParseError::none);
  const Parsed three = parse_exact(PacketBuilder(v4()).tag(1).tag(2).tag(3).tcp(1, 2).build());
  EXPECT_EQ(three.kind, Kind::other);
}

/// The frame's end is cut off: what its headers announce is not there.
TEST(Parse, NeverReadsBehindACutFrame) {
  for (const Good& row : good_packets()) {
    SCOPED_TRACE(row.name);
    const std::size_t end = std::size_t{row.l3_offset} + row.l3_size;
    for (std::size_t size = 0; size < end; ++size) {
      EXPECT_EQ(parse_exact(row.frame, size, size).error, ParseError::truncated) << size;
    }
  }
}

/// The frame is whole, but only its first bytes are contiguous: either all headers are, or it is truncated.
TEST(Parse, NeverReadsBehindTheContiguousPart) {
  for (const Good& row : good_packets()) {
    SCOPED_TRACE(row.name);
    bool complete = false;
    for (std::size_t size = 0; size <= row.frame.size(); ++size) {
      const Parsed parsed = parse_exact(row.frame, size, row.frame.size());
      if (parsed.error == ParseError::none) {
        complete = true;
        EXPECT_EQ(parsed.destination_port, row.destination_port);
        EXPECT_EQ(parsed.protocol, row.protocol);
      } else {
        EXPECT_FALSE(complete) << size;
        EXPECT_EQ(parsed.error, ParseError::truncated);
      }
    }
    EXPECT_TRUE(complete);
  }
}

/// The inline path and the walk agree on whatever bytes come.
TEST(Parse, InlinePathAgreesWithTheWalk) {
  std::mt19937 random(1);
  for (const Good& row : good_packets()) {
    SCOPED_TRACE(row.name);
    for (int round = 0; round < 2000; ++round) {
      Bytes frame = row.frame;
      for (unsigned edits = random() % 4; edits > 0; --edits) {
        frame[random() % std::min<std::size_t>(frame.size(), 80)] = static_cast<std::uint8_t>(random());
      }
      if (frame[12] == 0x08 && random() % 2 == 0) {
        frame = resummed(frame);
      }
      frame.resize(frame.size() - (random() % 4 == 0 ? random() % frame.size() : 0));
      const Parsed inlined = parse_exact(frame);
      Parsed walked;
      detail::parse_any(frame.data(), frame.size(), frame.size(), walked);
      EXPECT_EQ(inlined.error, walked.error);
      EXPECT_EQ(inlined.source, walked.source);
      EXPECT_EQ(inlined.destination, walked.destination);
      EXPECT_EQ(inlined.source_port, walked.source_port);
      EXPECT_EQ(inlined.destination_port, walked.destination_port);
      EXPECT_EQ(inlined.l3_offset, walked.l3_offset);
      EXPECT_EQ(inlined.l4_offset, walked.l4_offset);
      EXPECT_EQ(inlined.l3_size, walked.l3_size);
      EXPECT_EQ(inlined.ether_type, walked.ether_type);
      EXPECT_EQ(inlined.kind, walked.kind);
      EXPECT_EQ(inlined.protocol, walked.protocol);
      EXPECT_EQ(inlined.tcp_flags, walked.tcp_flags);
      EXPECT_EQ(inlined.ttl, walked.ttl);
      EXPECT_EQ(inlined.fragment, walked.fragment);
    }
  }
}

}  // namespace
}  // namespace limpet::net
