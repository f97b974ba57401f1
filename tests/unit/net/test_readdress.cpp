// The express way's edits against those for any packet: the same bytes, on random packets and sums.
#include "net/readdress.hpp"

#include <gtest/gtest.h>

#include <random>

#include "net/parse.hpp"
#include "net/rewrite.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr unsigned rounds = 20'000;

class Readdress : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  std::mt19937_64 random_{GetParam()};

  /// Mostly any, sometimes of few bits, so that sums come out as 0 and 0xffff.
  IpAddress address(bool v4) {
    std::uint8_t bytes[16];
    for (std::uint8_t& byte : bytes) {
      byte = random_() % 4 == 0 ? static_cast<std::uint8_t>(random_() % 2 * 255) : static_cast<std::uint8_t>(random_());
    }
    bytes[0] = 0x20;  // no IPv4-mapped one
    return v4 ? IpAddress::v4(bytes + 12) : IpAddress::v6(bytes);
  }
  std::uint16_t l4_port() {
    const auto port = static_cast<std::uint16_t>(random_());
    return random_() % 8 == 0 ? std::uint16_t{0xffff} : port == 0 ? std::uint16_t{1} : port;
  }

  Bytes packet(bool v4, bool tcp) {
    PacketBuilder builder;
    builder.ip(address(v4), address(v4)).ttl(static_cast<std::uint8_t>(1 + random_() % 255));
    builder.traffic_class(static_cast<std::uint8_t>(random_()));
    Bytes payload(random_() % 9);
    for (std::uint8_t& byte : payload) {
      byte = static_cast<std::uint8_t>(random_());
    }
    tcp ? builder.tcp(l4_port(), l4_port()) : builder.udp(l4_port(), l4_port());
    return builder.payload(std::move(payload)).build();
  }

  static Parsed parsed(const Bytes& frame) {
    Parsed out;
    parse(frame.data(), frame.size(), frame.size(), out);
    EXPECT_EQ(out.error, ParseError::none);
    return out;
  }

  /// Both ways on one packet; `l4_port` 0 keeps the packet's.
  template <class Plain, bool source>
  Bytes readdressed(const Bytes& frame, const Endpoint& to) {
    const Parsed before = parsed(frame);
    Bytes expected = frame;
    decrement_ttl(expected.data(), before);
    source ? rewrite_source(expected.data(), before, to) : rewrite_destination(expected.data(), before, to);
    Bytes actual = frame;
    readdress_plain<Plain, source>(actual.data() + ethernet::size, before.protocol, to.address.wire_bytes(),
                                   be16(to.l4_port).raw());
    EXPECT_EQ(actual, expected);
    return actual;
  }
  Bytes readdressed(const Bytes& frame, bool v4, bool source, const Endpoint& to) {
    return v4       ? source ? readdressed<PlainV4, true>(frame, to) : readdressed<PlainV4, false>(frame, to)
                 : source ? readdressed<PlainV6, true>(frame, to)
                    : readdressed<PlainV6, false>(frame, to);
  }
};

TEST_P(Readdress, SameAsForAnyPacket) {
  for (unsigned i = 0; i < rounds && !HasFailure(); ++i) {
    const bool v4 = random_() % 2 == 0;
    const bool tcp = random_() % 2 == 0;
    Bytes frame = packet(v4, tcp);
    const std::size_t l4 = parsed(frame).l4_offset;
    if (!tcp && random_() % 4 == 0) {
      store_be<std::uint16_t>(&frame[l4 + udp::checksum], 0);  // without
    } else if (random_() % 4 == 0) {                           // damaged before: stays so
      store_be<std::uint16_t>(&frame[l4 + (tcp ? tcp::checksum : udp::checksum)],
                              random_() % 2 == 0 ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(random_()));
    }
    const auto port = random_() % 4 == 0 ? std::uint16_t{0} : l4_port();
    readdressed(frame, v4, random_() % 2 == 0, {address(v4), port});
  }
}

TEST_P(Readdress, OnlyTheTtl) {
  for (unsigned i = 0; i < rounds && !HasFailure(); ++i) {
    const bool v4 = random_() % 2 == 0;
    const Bytes frame = packet(v4, true);
    Bytes expected = frame, actual = frame;
    decrement_ttl(expected.data(), parsed(frame));
    v4 ? forward_plain<PlainV4>(actual.data() + ethernet::size)
       : forward_plain<PlainV6>(actual.data() + ethernet::size);
    EXPECT_EQ(actual, expected);
  }
}

/// The new port is the one that makes the sum 0, which is sent as 0xffff (RFC 768).
TEST_P(Readdress, UdpSumsThatComeOutAsZero) {
  for (const bool v4 : {true, false}) {
    for (const bool source : {true, false}) {
      for (unsigned i = 0; i < 500 && !HasFailure(); ++i) {
        const Bytes frame = packet(v4, false);
        const IpAddress to = address(v4);
        const std::size_t l4 = parsed(frame).l4_offset;
        Bytes other = readdressed(frame, v4, source, {to, 1});
        const std::uint32_t missing = load_be<std::uint16_t>(&other[l4 + udp::checksum]) + 1u;
        const auto port = static_cast<std::uint16_t>((missing & 0xffff) + (missing >> 16));
        const Bytes zero = readdressed(frame, v4, source, {to, port});
        EXPECT_EQ(load_be<std::uint16_t>(&zero[l4 + udp::checksum]), 0xffff);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Readdress, ::testing::Values(1, 2, 3));

/// One's complement: carries are added until there is none.
std::uint16_t plain_fold(std::uint64_t sum) {
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

TEST(Fold, SameAsAPlainSum) {
  const std::uint64_t edges[] = {0,
                                 1,
                                 0xfffe,
                                 0xffff,
                                 0x10000,
                                 0x1fffe,
                                 0xffff'ffff,
                                 0x1'0000'0000,
                                 0xffff'ffff'0000,
                                 0x0001'ffff'ffff'ffff,
                                 0x8000'0000'8000'0000,
                                 0xffff'ffff'ffff'ffff};
  for (const std::uint64_t edge : edges) {
    for (std::uint64_t off = 0; off < 3; ++off) {
      EXPECT_EQ(detail::fold(edge + off), plain_fold(edge + off)) << edge << " + " << off;
      EXPECT_EQ(detail::fold(edge - off), plain_fold(edge - off)) << edge << " - " << off;
    }
  }
  std::mt19937_64 random(5);
  for (unsigned i = 0; i < 1'000'000; ++i) {
    const std::uint64_t sum = random() >> random() % 64;
    ASSERT_EQ(detail::fold(sum), plain_fold(sum)) << sum;
  }
}

}  // namespace
}  // namespace limpet::net
