// Bytes put into segments and in the place of others, and numbers on both sides of them.
#include <gtest/gtest.h>

#include <random>

#include "net/parse.hpp"
#include "net/payload_edit.hpp"
#include "net/tcp_edit.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

Bytes segment(std::string_view payload, bool v4) {
  return PacketBuilder()
      .ethernet({}, {})
      .ip(v4 ? "192.0.2.1" : "2001:db8::1", v4 ? "198.51.100.1" : "2001:db8::2")
      .tcp(80, 4000, tcp_flag::ack)
      .payload(payload)
      .build();
}

class PayloadEdit : public testing::TestWithParam<bool> {};

TEST_P(PayloadEdit, makes_the_packet_that_would_have_been_built) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string text(random() % 60, 'a'), put(2 * (1 + random() % 30), 'b');
    for (char& c : text) {
      c = static_cast<char>(random());
    }
    for (char& c : put) {
      c = static_cast<char>(random());
    }
    const std::size_t at = random() % (text.size() + 1);
    const Bytes expected = segment(text.substr(0, at) + put + text.substr(at), GetParam());
    for (const bool behind : {false, true}) {
      const Bytes frame = segment(text, GetParam());
      Bytes room(behind ? 0 : put.size());
      room.insert(room.end(), frame.begin(), frame.end());
      room.resize(frame.size() + put.size());
      Parsed parsed;
      parse(frame.data(), frame.size(), frame.size(), parsed);
      const std::size_t offset = parsed.l4_offset + tcp::size + at;
      Delta delta;
      behind ? open_gap_behind(room.data(), parsed, offset, put.size(), delta)
             : open_gap(room.data(), parsed, offset, put.size(), delta);
      fill_gap(room.data(), parsed, offset, put, delta);
      EXPECT_EQ(room, expected) << i;
      EXPECT_EQ(std::size_t{parsed.l3_offset} + parsed.l3_size, expected.size());
    }
    Bytes over = segment(text + put, GetParam());
    Parsed parsed;
    parse(over.data(), over.size(), over.size(), parsed);
    const std::string other(put.rbegin(), put.rend());
    overwrite(over.data(), parsed, parsed.l4_offset + tcp::size + text.size(), other);
    EXPECT_EQ(over, segment(text + other, GetParam()));
  }
}
INSTANTIATE_TEST_SUITE_P(Families, PayloadEdit, testing::Bool());

TEST(Inserted, has_no_numbers_of_the_senders) {
  const Inserted some{0xfffffff0, 0x20};
  EXPECT_EQ(some.to_receiver(0xffffffef), 0xffffffefu);
  EXPECT_EQ(some.to_receiver(0xfffffff0), 0xfffffff0u) << "the segment that has them begins there";
  EXPECT_EQ(some.to_receiver(0xfffffff1), 0x11u);
  for (const std::uint32_t inside : {0xfffffff0u, 0xfffffff1u, 0u, 0x10u}) {
    EXPECT_EQ(some.to_sender(inside), 0xfffffff0u) << inside;
  }
  EXPECT_EQ(some.to_sender(0x11), 0xfffffff1u);
  EXPECT_EQ(some.to_sender(0xffffffee), 0xffffffeeu);
  EXPECT_EQ(Inserted{}.to_sender(7), 7u);
  EXPECT_EQ(Inserted{}.to_receiver(7), 7u);
}

}  // namespace
}  // namespace limpet::net
