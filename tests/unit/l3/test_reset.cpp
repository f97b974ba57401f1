// TCP resets: which numbers they carry, and what is not answered.
#include <gtest/gtest.h>

#include "l3/reset.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::l3 {
namespace {

using test::Bytes;
using test::endpoint;
using test::ip;
using test::PacketBuilder;
namespace tcp = net::tcp;
namespace flag = net::tcp_flag;

constexpr Mac client_mac{{2, 0, 0, 0, 0, 9}};
constexpr Mac own_mac{{2, 0, 0, 0, 0, 1}};
constexpr Segment given{.sequence = 5, .acknowledgment = 6, .flags = flag::rst | flag::ack};

struct Answer {
  std::size_t size = 0;
  Bytes bytes;
  Parsed parsed;
  [[nodiscard]] std::uint32_t number(std::size_t at) const {
    return load_be<std::uint32_t>(bytes.data() + parsed.l4_offset + at);
  }
};

Answer answer_to(const char* client, const char* vip, std::uint8_t flags, std::uint32_t sequence,
                 std::uint32_t acknowledgment, std::string_view payload = {}) {
  PacketBuilder builder;
  builder.ethernet(client_mac, own_mac).ip(ip(client), ip(vip)).tcp(4000, 80, flags).payload(payload);
  Answer made{0, builder.build(), {}};
  Parsed parsed;
  net::parse(made.bytes.data(), made.bytes.size(), made.bytes.size(), parsed);
  store_be<std::uint32_t>(made.bytes.data() + parsed.l4_offset + tcp::sequence, sequence);
  store_be<std::uint32_t>(made.bytes.data() + parsed.l4_offset + tcp::acknowledgment, acknowledgment);
  made.size = reset_in_place({made.bytes.data(), made.bytes.size(), made.bytes.size()}, parsed, own_mac);
  made.bytes.resize(made.size == 0 ? made.bytes.size() : made.size);
  net::parse(made.bytes.data(), made.bytes.size(), made.bytes.size(), made.parsed);
  return made;
}

void expect_right(const Bytes& bytes, const Parsed& parsed) {
  ASSERT_EQ(parsed.error, net::ParseError::none);
  const std::size_t size = std::size_t{parsed.l3_offset} + parsed.l3_size - parsed.l4_offset;
  EXPECT_EQ(size, tcp::size);
  EXPECT_EQ(
      net::l4_checksum(parsed.source, parsed.destination, net::ip_protocol::tcp, bytes.data() + parsed.l4_offset, size),
      0);
}

class Families : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Families, answers_a_segment_with_its_acknowledgment) {
  const auto [client, vip] = GetParam();
  const auto reset = answer_to(client, vip, flag::ack, 1000, 77, "some data that goes");
  ASSERT_NE(reset.size, 0u);
  expect_right(reset.bytes, reset.parsed);
  EXPECT_EQ(reset.parsed.source, ip(vip));
  EXPECT_EQ(reset.parsed.destination, ip(client));
  EXPECT_EQ(reset.parsed.source_port, 80);
  EXPECT_EQ(reset.parsed.destination_port, 4000);
  EXPECT_EQ(reset.parsed.tcp_flags, flag::rst);
  EXPECT_EQ(reset.number(tcp::sequence), 77u);
}

TEST_P(Families, answers_a_syn_with_what_it_takes_of_the_sequence) {
  const auto [client, vip] = GetParam();
  const auto reset = answer_to(client, vip, flag::syn, 0xffffffff, 0, "abc");
  ASSERT_NE(reset.size, 0u);
  expect_right(reset.bytes, reset.parsed);
  EXPECT_EQ(reset.parsed.tcp_flags, flag::rst | flag::ack);
  EXPECT_EQ(reset.number(tcp::sequence), 0u);
  EXPECT_EQ(reset.number(tcp::acknowledgment), 3u) << "SYN and three bytes, around the end of the numbers";
}

TEST_P(Families, never_answers_a_reset) {
  const auto [client, vip] = GetParam();
  EXPECT_EQ(answer_to(client, vip, flag::rst, 1, 2).size, 0u);
  EXPECT_EQ(answer_to(client, vip, flag::rst | flag::ack, 1, 2).size, 0u);
}

TEST_P(Families, makes_one_for_the_other_side) {
  const auto [client, vip] = GetParam();
  for (const std::uint16_t vlan : {std::uint16_t{0}, std::uint16_t{100}}) {
    Bytes frame(156);
    const std::size_t size = make_segment(frame, {own_mac, client_mac, vlan}, {ip(client), 4000}, {ip(vip), 80}, given);
    ASSERT_NE(size, 0u);
    Parsed parsed;
    net::parse(frame.data(), size, size, parsed);
    expect_right(frame, parsed);
    EXPECT_EQ(parsed.vlan, vlan);
    EXPECT_EQ(parsed.source, ip(client));
    EXPECT_EQ(parsed.tcp_flags, flag::rst | flag::ack);
    EXPECT_EQ(load_be<std::uint32_t>(frame.data() + parsed.l4_offset + tcp::sequence), 5u);
  }
  Bytes small(40);
  EXPECT_EQ(make_segment(small, {own_mac, client_mac, 0}, {ip(client), 4000}, {ip(vip), 80}, given), 0u);
}

INSTANTIATE_TEST_SUITE_P(Both, Families,
                         testing::Values(std::pair{"10.0.0.1", "192.0.2.10"},
                                         std::pair{"2001:db8:9::1", "2001:db8:1::10"}));

TEST(Reset, is_for_tcp_from_a_host) {
  EXPECT_EQ(answer_to("224.0.0.1", "192.0.2.10", flag::ack, 1, 2).size, 0u);
  PacketBuilder builder;
  builder.ethernet(client_mac, own_mac).ip(ip("10.0.0.1"), ip("192.0.2.10")).udp(4000, 53).payload("x");
  Bytes bytes = builder.build();
  Parsed parsed;
  net::parse(bytes.data(), bytes.size(), bytes.size(), parsed);
  EXPECT_EQ(reset_in_place({bytes.data(), bytes.size(), bytes.size()}, parsed, own_mac), 0u);
}

}  // namespace
}  // namespace limpet::l3
