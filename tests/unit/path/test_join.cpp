// Small segments put together: the packet that comes of two is the one that the client would have sent.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>

#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "path/join.hpp"
#include "support/packet_builder.hpp"

namespace limpet::path {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr std::uint32_t begin = 0xfffffff8u;  // numbers wrap

Bytes frame(bool v4, std::uint32_t sequence, std::string_view text, std::uint8_t tcp_flags = net::tcp_flag::ack) {
  return PacketBuilder()
      .ip(v4 ? "10.0.0.1" : "2001:db8:c::1", v4 ? "192.0.2.10" : "2001:db8:1::10")
      .tcp(1000, 80, tcp_flags)
      .numbers(sequence, 77)
      .payload(text)
      .build();
}

/// A packet and the memory it lies in.
struct Held {
  Held(Bytes bytes, std::size_t tailroom) : room(std::move(bytes)) {
    packet.size = static_cast<std::uint32_t>(room.size());
    packet.contiguous = static_cast<std::uint16_t>(room.size());
    room.resize(room.size() + tailroom, 0xee);
    packet.data = room.data();
    packet.capacity = static_cast<std::uint16_t>(room.size());
    net::Parsed parsed;
    net::parse(packet.data, packet.size, packet.size, parsed);
    segment = {net::tcp_sequence(packet.data, parsed),
               static_cast<std::uint32_t>(net::tcp_payload_size(packet.data, parsed)),
               static_cast<std::uint16_t>(parsed.l4_offset + net::tcp_header_size(packet.data, parsed))};
  }
  [[nodiscard]] Bytes bytes() const { return {packet.data, packet.data + packet.size}; }
  bool join(const Held& next) { return path::join(packet, segment, next.packet, next.segment); }

  Bytes room;
  Packet packet;
  Segment segment;
};

class JoinFamilies : public testing::TestWithParam<bool> {};

TEST_P(JoinFamilies, makes_the_packet_that_says_both) {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  for (std::size_t size = 0; size <= 8; ++size) {
    for (std::size_t more = 1; more <= 8; ++more) {
      for (std::size_t both = 0; both <= size; ++both) {
        Held first(frame(GetParam(), begin, text.substr(0, size)), 60);
        const Held next(
            frame(GetParam(), begin + static_cast<std::uint32_t>(size - both), text.substr(size - both, both + more)),
            0);
        ASSERT_TRUE(first.join(next)) << size << " " << more << " " << both;
        EXPECT_EQ(first.bytes(), frame(GetParam(), begin, text.substr(0, size + more)));
        EXPECT_EQ(first.segment.size, size + more);
      }
    }
  }
}

TEST_P(JoinFamilies, drops_what_filled_a_small_frame_up) {
  Bytes padded = frame(GetParam(), begin, "a");
  padded.resize(padded.size() + 5, 0x55);
  Held first(padded, 60);
  ASSERT_TRUE(first.join(Held(frame(GetParam(), begin + 1, "b"), 0)));
  EXPECT_EQ(first.bytes(), frame(GetParam(), begin, "ab"));
}

TEST_P(JoinFamilies, fills_a_packet_to_what_every_host_takes) {
  Held first(frame(GetParam(), begin, "x"), 1000);
  for (std::uint32_t i = 1; i < 536; ++i) {
    ASSERT_TRUE(first.join(Held(frame(GetParam(), begin + i, "x"), 0)));
  }
  EXPECT_FALSE(first.join(Held(frame(GetParam(), begin + 536, "x"), 0)));
  EXPECT_EQ(first.bytes(), frame(GetParam(), begin, std::string(536, 'x')));
}

TEST_P(JoinFamilies, leaves_both_alone_where_it_cannot_be) {
  const auto ends = static_cast<std::uint8_t>(net::tcp_flag::ack | net::tcp_flag::fin);
  const struct {
    const char* why;
    std::function<void(Held& first, Held& next)> change;
  } rows[] = {
      {"a gap between them", [](Held&, Held& next) { next = Held(frame(GetParam(), begin + 4, "x"), 0); }},
      {"nothing new", [](Held&, Held& next) { next = Held(frame(GetParam(), begin + 1, "bc"), 0); }},
      {"no data", [](Held&, Held& next) { next = Held(frame(GetParam(), begin + 3, ""), 0); }},
      {"an end", [&](Held&, Held& next) { next = Held(frame(GetParam(), begin + 3, "de", ends), 0); }},
      {"an end before", [&](Held& first, Held&) { first = Held(frame(GetParam(), begin, "abc", ends), 60); }},
      {"no room", [](Held& first, Held&) { first = Held(frame(GetParam(), begin, "abc"), 1); }},
      {"several parts", [](Held& first, Held&) { --first.packet.contiguous; }},
      {"damage", [](Held&, Held& next) { next.room.back() ^= 1; }},
  };
  for (const auto& row : rows) {
    Held first(frame(GetParam(), begin, "abc"), 60), next(frame(GetParam(), begin + 3, "de"), 0);
    row.change(first, next);
    first.packet.data = first.room.data();
    next.packet.data = next.room.data();
    const Bytes before = first.room;
    EXPECT_FALSE(first.join(next)) << row.why;
    EXPECT_EQ(first.room, before) << row.why;
    EXPECT_EQ(first.segment.size, 3u);
  }
}

/// Whatever order they come in, and some of them twice.
TEST_P(JoinFamilies, more_small_packets_are_held_than_there_are_places) {
  Limits limits;
  limits.awaited_max = 4;
  limits.awaited_held_max = 32;
  AwaitedConnections awaited(limits, {1, 2});
  Awaited* const one = awaited.add({test::ip("10.0.0.1"), 1000, 1});
  ASSERT_NE(one, nullptr);
  one->client_sequence = begin - 1;
  const std::string text = "GET / HTTP/1.1\r\nHost: web.example\r\nX: " + std::string(300, 'y') + "\r\n\r\n";
  std::vector<std::unique_ptr<Held>> frames;
  const auto hold = [&](std::size_t at) {
    auto& frame_held = *frames.emplace_back(
        std::make_unique<Held>(frame(GetParam(), begin + static_cast<std::uint32_t>(at), text.substr(at, 1)), 1000));
    const auto held = awaited.hold(*one, frame_held.packet, frame_held.segment);
    std::array<Packet, burst_max> ended;
    while (awaited.take_ended(ended.data(), burst_max) != 0) {
    }
    return held;
  };
  using Hold = AwaitedConnections::Hold;
  for (std::size_t i = 0; i < text.size(); ++i) {
    ASSERT_EQ(hold(i % 2 == 0 && i + 1 < text.size() ? i + 1 : i % 2 == 1 ? i - 1 : i), Hold::held) << i;
    ASSERT_LE(one->held, AwaitedConnections::held_of_one_max);
    if (i % 50 == 49) {
      EXPECT_EQ(hold(i / 2), Hold::duplicate);
    }
  }
  const auto contents = awaited.contents(*one);
  EXPECT_EQ(std::string(contents.begin(), contents.end()), text);
  EXPECT_LT(awaited.held(), 16u);
  awaited.end(*one);
  EXPECT_EQ(awaited.held(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Both, JoinFamilies, testing::Bool(), [](const auto& row) { return row.param ? "v4" : "v6"; });

}  // namespace
}  // namespace limpet::path
