#include "net/rewrite.hpp"

#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

Parsed parse_all(const Bytes& frame) {
  Parsed parsed;
  parse(frame.data(), frame.size(), frame.size(), parsed);
  EXPECT_EQ(parsed.error, ParseError::none);
  return parsed;
}

using Finish = PacketBuilder (*)(PacketBuilder, std::uint16_t source_port, std::uint16_t destination_port);
struct Row {
  const char* name;
  Finish finish;
};

/// Everything but addresses and ports; the packet before and the packet expected are both built by these.
const Row rows[] = {
    {"tcp", [](PacketBuilder b, std::uint16_t s, std::uint16_t d) { return b.tcp(s, d).payload("odd"); }},
    {"udp", [](PacketBuilder b, std::uint16_t s, std::uint16_t d) { return b.udp(s, d).payload("even"); }},
    {"tagged", [](PacketBuilder b, std::uint16_t s, std::uint16_t d) { return b.tag(9).tag(8).tcp(s, d); }},
    {"echo", [](PacketBuilder b, std::uint16_t, std::uint16_t) { return b.icmp(128).payload("x"); }},
    {"later fragment",
     [](PacketBuilder b, std::uint16_t s, std::uint16_t d) { return b.fragment(64, false).tcp(s, d).payload("rest"); }},
};

struct Ends {
  const char* from;
  const char* to;
  const char* new_end;
};

TEST(Rewrite, SameAsBuiltAnew) {
  const Ends families[] = {{"192.0.2.1", "192.0.2.10", "198.51.100.255"},
                           {"2001:db8::1", "2001:db8::10", "2001:db8:ffff:1:2:3:4:5"}};
  for (const auto& ends : families) {
    for (const Row& row : rows) {
      for (const std::uint16_t port : {std::uint16_t{0}, std::uint16_t{8080}}) {
        SCOPED_TRACE(std::string(row.name) + " " + ends.from + " " + std::to_string(port));
        const std::uint16_t expected_port = port == 0 ? 1234 : port;
        const Endpoint to{test::ip(ends.new_end), port};

        Bytes frame = row.finish(PacketBuilder().ip(ends.from, ends.to), 50000, 1234).build();
        rewrite_destination(frame.data(), parse_all(frame), to);
        EXPECT_EQ(frame, row.finish(PacketBuilder().ip(ends.from, ends.new_end), 50000, expected_port).build());

        frame = row.finish(PacketBuilder().ip(ends.from, ends.to), 1234, 50000).build();
        rewrite_source(frame.data(), parse_all(frame), to);
        EXPECT_EQ(frame, row.finish(PacketBuilder().ip(ends.new_end, ends.to), expected_port, 50000).build());
      }
    }
  }
}

TEST(Rewrite, BehindOptionsAndExtensionHeaders) {
  Bytes frame = PacketBuilder().ip("192.0.2.1", "192.0.2.2").options(Bytes(8, 1)).udp(1, 2).build();
  rewrite_destination(frame.data(), parse_all(frame), test::endpoint("192.0.2.77:99"));
  EXPECT_EQ(frame, PacketBuilder().ip("192.0.2.1", "192.0.2.77").options(Bytes(8, 1)).udp(1, 99).build());
  frame = PacketBuilder().ip("2001:db8::1", "2001:db8::2").extension(0).tcp(1, 2).build();
  rewrite_source(frame.data(), parse_all(frame), test::endpoint("[2001:db8::7]:99"));
  EXPECT_EQ(frame, PacketBuilder().ip("2001:db8::7", "2001:db8::2").extension(0).tcp(99, 2).build());
}

TEST(Rewrite, UdpWithoutChecksumStaysWithout) {
  Bytes frame = PacketBuilder().ip("192.0.2.1", "192.0.2.2").udp(1, 2).build();
  store_be<std::uint16_t>(&frame[34 + udp::checksum], 0);
  rewrite_destination(frame.data(), parse_all(frame), test::endpoint("192.0.2.77:99"));
  EXPECT_EQ(load_be<std::uint16_t>(&frame[34 + udp::checksum]), 0);
}

TEST(Rewrite, DamageStaysDamage) {
  Bytes frame = PacketBuilder().ip("192.0.2.1", "192.0.2.2").tcp(1, 2).payload("data").build();
  frame.back() ^= 1;
  rewrite_destination(frame.data(), parse_all(frame), test::endpoint("192.0.2.77:99"));
  const Bytes segment(frame.begin() + 34, frame.end());
  EXPECT_NE(test::plain_l4_checksum(test::ip("192.0.2.1"), test::ip("192.0.2.77"), 6, segment), 0);
}

TEST(DecrementTtl, BothFamiliesAllValues) {
  for (unsigned ttl = 1; ttl < 256; ++ttl) {
    for (const auto& [from, to] : {std::pair{"192.0.2.1", "192.0.2.2"}, std::pair{"2001:db8::1", "2001:db8::2"}}) {
      const auto build = [from = from, to = to](unsigned value) {
        return PacketBuilder().ip(from, to).ttl(static_cast<std::uint8_t>(value)).tcp(1, 2).build();
      };
      Bytes frame = build(ttl);
      decrement_ttl(frame.data(), parse_all(frame));
      EXPECT_EQ(frame, build(ttl - 1));
    }
  }
}

}  // namespace
}  // namespace limpet::net
