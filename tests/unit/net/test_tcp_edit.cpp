// Fields of TCP headers changed in place.
#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

struct Frame {
  Bytes bytes;
  Parsed parsed;
};

Frame frame_of(const char* source, const char* destination, Bytes options, std::uint16_t window) {
  Frame frame{PacketBuilder()
                  .ip(source, destination)
                  .tcp(1000, 80, tcp_flag::ack, std::move(options))
                  .numbers(100, 0xfffffff0, window)
                  .payload("some data")
                  .build(),
              {}};
  parse(frame.bytes.data(), frame.bytes.size(), frame.bytes.size(), frame.parsed);
  return frame;
}

void expect_right(const Frame& frame) {
  const auto& p = frame.parsed;
  const Bytes message(frame.bytes.begin() + p.l4_offset, frame.bytes.end());
  EXPECT_EQ(test::plain_l4_checksum(p.source, p.destination, p.protocol, message), 0);
}

const std::pair<const char*, const char*> families[] = {{"10.0.0.1", "192.0.2.10"},
                                                        {"2001:db8:c::1", "2001:db8:1::10"}};

TEST(TcpEdit, moves_the_edges_of_sack_blocks) {
  for (const auto& [source, destination] : families) {
    Frame frame =
        frame_of(source, destination, {1, 1, 5, 18, 0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 2, 0}, 1000);
    move_sack(frame.bytes.data(), frame.parsed, 0x10);
    expect_right(frame);
    const auto edge = [&](std::size_t at) {
      return load_be<std::uint32_t>(&frame.bytes[frame.parsed.l4_offset + tcp::size + 4 + at]);
    };
    EXPECT_EQ(edge(0), 8u) << "around the end of the numbers";
    EXPECT_EQ(edge(4), 0x14u);
    EXPECT_EQ(edge(8), 0x110u);
    EXPECT_EQ(edge(12), 0x210u);
    EXPECT_EQ(tcp_acknowledgment(frame.bytes.data(), frame.parsed), 0xfffffff0u) << "not its own";
  }
}

TEST(TcpEdit, reads_and_moves_timestamps) {
  for (const auto& [source, destination] : families) {
    Frame frame = frame_of(source, destination, {1, 8, 10, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 1}, 1000);
    EXPECT_EQ(tcp_timestamps(frame.bytes.data(), frame.parsed), (Timestamps{1, 0xffffffff}));
    move_timestamps(frame.bytes.data(), frame.parsed, {0u - 2, 3});
    expect_right(frame);
    EXPECT_EQ(tcp_timestamps(frame.bytes.data(), frame.parsed), (Timestamps{0xffffffff, 2}));
    const Frame none = frame_of(source, destination, {8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1000);
    EXPECT_FALSE(tcp_timestamps(none.bytes.data(), none.parsed));
  }
}

TEST(TcpEdit, leaves_other_options_and_cut_ones) {
  for (const Bytes& options : {Bytes{}, Bytes{2, 4, 5, 0xb4}, Bytes{1, 1, 5, 6, 0, 0}, Bytes{5, 40, 0, 0}}) {
    Bytes padded = options;
    padded.resize((padded.size() + 3) / 4 * 4);
    Frame frame = frame_of("10.0.0.1", "192.0.2.10", padded, 1000);
    const Bytes before = frame.bytes;
    if (options.size() != 6) {
      move_sack(frame.bytes.data(), frame.parsed, 0x10);
      EXPECT_EQ(frame.bytes, before);
    }
  }
}

}  // namespace
}  // namespace limpet::net
