#include "net/family.hpp"

#include <gtest/gtest.h>

#include <random>

#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr std::size_t room = 64;  // before the frame

Parsed parse_all(const Bytes& frame) {
  Parsed parsed;
  parse(frame.data(), frame.size(), frame.size(), parsed);
  EXPECT_EQ(parsed.error, ParseError::none);
  return parsed;
}

/// From the IP header on, after crossing.
Bytes crossed(const Bytes& frame, const Crossing& to) {
  const Parsed parsed = parse_all(frame);
  EXPECT_TRUE(can_cross(frame.data(), frame.size(), parsed));
  Bytes all(room);
  all.insert(all.end(), frame.begin(), frame.end());
  cross(all.data() + room, parsed, to);
  const auto start = static_cast<std::ptrdiff_t>(room + parsed.l3_offset) - crossing_growth(parsed);
  return {all.begin() + start, all.end()};
}

Bytes from_ip(const Bytes& frame) {
  return {frame.begin() + 14, frame.end()};
}

struct Ends {
  const char* source;
  const char* destination;
};
constexpr Ends four{"192.0.2.1", "192.0.2.10"}, six{"2001:db8::ffff:1", "2001:db8:2::11"};

PacketBuilder from(const Ends& ends) {
  return PacketBuilder().ip(ends.source, ends.destination);
}
Crossing to(const Ends& ends, std::uint16_t source_port = 4000, std::uint16_t destination_port = 8080) {
  return {{test::ip(ends.source), source_port}, {test::ip(ends.destination), destination_port}, 77};
}

/// What the builder makes of the same content in the other version; IPv4's identification and DF aside.
Bytes without_fragment_words(Bytes ip) {
  if (ip[0] >> 4 == 4) {
    for (const std::size_t at : {ipv4::identification, ipv4::fragment, ipv4::checksum}) {
      store_be<std::uint16_t>(&ip[at], 0);
    }
  }
  return ip;
}

TEST(Family, SameAsBuiltAnew) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 1400; size += 1 + random() % 90) {
    Bytes payload(size);
    for (auto& byte : payload) {
      byte = static_cast<std::uint8_t>(random());
    }
    for (const auto& [before, after] : {std::pair{four, six}, std::pair{six, four}}) {
      const auto tcp = [&](const Ends& ends, std::uint16_t s, std::uint16_t d) {
        return from(ends).ttl(9).traffic_class(0xb9).tcp(s, d).payload(payload).build();
      };
      const auto udp = [&](const Ends& ends, std::uint16_t s, std::uint16_t d) {
        return from(ends).ttl(9).traffic_class(0xb9).udp(s, d).payload(payload).build();
      };
      const Bytes got = crossed(tcp(before, 50000, 80), to(after));
      EXPECT_EQ(without_fragment_words(got), without_fragment_words(from_ip(tcp(after, 4000, 8080))));
      EXPECT_EQ(without_fragment_words(crossed(udp(before, 50000, 80), to(after, 0, 0))),
                without_fragment_words(from_ip(udp(after, 50000, 80))));
      if (after.source == four.source) {
        EXPECT_TRUE(ipv4_header_sums_up(got.data()));
        EXPECT_EQ(load_be<std::uint16_t>(&got[ipv4::fragment]), got.size() > 1260 ? 0x4000 : 0);
        EXPECT_EQ(load_be<std::uint16_t>(&got[ipv4::identification]), got.size() > 1260 ? 0 : 77);
      }
    }
  }
}

TEST(Family, OptionsAndExtensionHeadersEnd) {
  const Bytes plain4 = from_ip(from(four).tcp(4000, 8080).payload("x").build());
  const Bytes plain6 = from_ip(from(six).tcp(4000, 8080).payload("x").build());
  EXPECT_EQ(crossed(from(four).options({1, 1, 1, 0}).tcp(1, 2).payload("x").build(), to(six)), plain6);
  EXPECT_EQ(without_fragment_words(crossed(from(six).extension(60).tcp(1, 2).payload("x").build(), to(four))),
            without_fragment_words(plain4));
}

TEST(Family, WhatCannotCross) {
  const auto can = [](const Bytes& frame) { return can_cross(frame.data(), frame.size(), parse_all(frame)); };
  EXPECT_TRUE(can(from(four).tcp(1, 2).build()));
  EXPECT_FALSE(can(from(four).fragment(0, true).udp(1, 2).build()));
  EXPECT_FALSE(can(from(four).icmp(8).build()));
  EXPECT_FALSE(can(from(four).options({131, 7, 4, 192, 0, 2, 1, 0}).tcp(1, 2).build()));
  EXPECT_FALSE(can(from(four).options({137, 7, 4, 192, 0, 2, 1, 0}).tcp(1, 2).build()));
  EXPECT_FALSE(can(from(four).options({130, 0, 0, 0}).tcp(1, 2).build())) << "an option of no length";
  EXPECT_TRUE(can(from(six).extension(43, {0, 0, 0, 0, 0, 0, 0, 0}).tcp(1, 2).build()));
  EXPECT_FALSE(can(from(six).extension(43, {0, 0, 0, 1, 0, 0, 0, 0}).tcp(1, 2).build()));
  EXPECT_FALSE(can(from(six).extension(60).extension(43, {0, 0, 0, 1, 0, 0, 0, 0}).tcp(1, 2).build()));
}

TEST(Family, UdpWithoutChecksum) {
  Bytes frame = from(four).udp(50000, 80).payload("odd").build();
  Bytes none = frame;
  none[14 + 20 + udp::checksum] = none[14 + 20 + udp::checksum + 1] = 0;
  EXPECT_EQ(crossed(none, to(six)), crossed(frame, to(six)));
  const Parsed parsed = parse_all(none);
  EXPECT_FALSE(can_cross(none.data(), none.size() - 1, parsed)) << "not all of it at hand";
  EXPECT_TRUE(can_cross(frame.data(), frame.size() - 1, parsed));
}

}  // namespace
}  // namespace limpet::net
