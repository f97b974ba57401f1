// What tells a backend of a client: where it comes in a packet, its bytes, and that checksums and lengths are right.
#include "net/client_address.hpp"

#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::append16;
using test::append_address;
using test::Bytes;
using test::PacketBuilder;

/// A packet with room before it, as devices leave.
struct Frame {
  static constexpr std::size_t room = 100;
  Bytes bytes;
  Parsed parsed;

  Frame(bool v4, const Bytes& options, std::uint8_t flags = tcp_flag::ack) : bytes(room) {
    test::append(bytes, PacketBuilder()
                            .ip(v4 ? "198.51.100.200" : "2001:db8:2::200", v4 ? "198.51.100.11" : "2001:db8:2::11")
                            .tcp(2000, 8080, flags, options)
                            .payload("hello")
                            .build());
    parse(bytes.data() + room, bytes.size() - room, bytes.size() - room, parsed);
  }
  /// After it grew by `size` bytes; parsed anew.
  [[nodiscard]] Bytes grown(std::size_t size) {
    Bytes frame(bytes.begin() + static_cast<std::ptrdiff_t>(room - size), bytes.end());
    Parsed now;
    parse(frame.data(), frame.size(), frame.size(), now);
    EXPECT_EQ(now.error, ParseError::none);
    EXPECT_EQ(now.l3_size, parsed.l3_size);
    const Bytes message(frame.begin() + now.l4_offset, frame.end());
    EXPECT_EQ(test::plain_l4_checksum(now.source, now.destination, ip_protocol::tcp, message), 0);
    parsed = now;
    return message;
  }
};

Bytes expected_header(const Endpoint& client, const Endpoint& vip) {
  Bytes header = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21};
  header.push_back(client.address.is_v4() ? 0x11 : 0x21);
  append16(header, client.address.is_v4() ? 12 : 36);
  append_address(header, client.address);
  append_address(header, vip.address);
  append16(header, client.l4_port);
  append16(header, vip.l4_port);
  return header;
}

struct Ends {
  Endpoint client, vip;
};
const Ends ends_v4{test::endpoint("203.0.113.7:51000"), test::endpoint("192.0.2.10:443")};
const Ends ends_v6{test::endpoint("[2001:db8:c::7]:51000"), test::endpoint("[2001:db8:1::10]:443")};

TEST(ClientAddress, TheHeaderComesBeforeTheData) {
  for (const bool v4 : {true, false}) {
    for (const Ends& ends : {ends_v4, ends_v6}) {
      for (const Bytes& options : {Bytes{}, Bytes{8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}}) {
        Frame frame(v4, options);
        const std::size_t size = proxy_header_size(ends.client.address.family());
        put_proxy_header(frame.bytes.data() + Frame::room - size, frame.parsed, ends.client, ends.vip);
        const Bytes message = frame.grown(size);
        const std::size_t data = tcp::size + options.size();
        Bytes expected = expected_header(ends.client, ends.vip);
        ASSERT_EQ(expected.size(), size);
        test::append(expected, test::bytes_of("hello"));
        EXPECT_EQ(Bytes(message.begin() + static_cast<std::ptrdiff_t>(data), message.end()), expected);
        EXPECT_EQ(load_be<std::uint32_t>(&message[tcp::sequence]), 1 - static_cast<std::uint32_t>(size));
        EXPECT_EQ(message[tcp::flags], tcp_flag::ack | tcp_flag::psh);
        EXPECT_TRUE(std::equal(options.begin(), options.end(), message.begin() + tcp::size));
      }
    }
  }
}

TEST(ClientAddress, AnUrgentPointerStaysWhereItPointed) {
  Frame frame(true, {}, tcp_flag::ack | 0x20);
  put_proxy_header(frame.bytes.data() + Frame::room - 28, frame.parsed, ends_v4.client, ends_v4.vip);
  EXPECT_EQ(load_be<std::uint16_t>(&frame.grown(28)[tcp::urgent]), 28);
}

TEST(ClientAddress, TheOptionComesFirst) {
  const Bytes options = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1};
  for (const bool v4 : {true, false}) {
    for (const Ends& ends : {ends_v4, ends_v6}) {
      Frame frame(v4, options);
      const std::size_t size = address_option_size(ends.client.address.family());
      put_address_option(frame.bytes.data() + Frame::room - size, frame.parsed, ends.client);
      const Bytes message = frame.grown(size);
      Bytes expected = {254, static_cast<std::uint8_t>(size)};
      append16(expected, 51000);
      append_address(expected, ends.client.address);
      test::append(expected, options);
      test::append(expected, test::bytes_of("hello"));
      EXPECT_EQ(Bytes(message.begin() + tcp::size, message.end()), expected);
      EXPECT_EQ(message[tcp::data_offset] >> 4, (20 + size + options.size()) / 4);
    }
  }
}

TEST(TcpEdit, OptionsAreBlankedWhereTheyLie) {
  const std::uint8_t kinds[] = {30, 34};
  struct Row {
    Bytes before, after;
  };
  for (const Row& row : {Row{{2, 4, 5, 0xb4, 34, 2, 1, 1}, {2, 4, 5, 0xb4, 1, 1, 1, 1}},
                         Row{{1, 30, 4, 0, 9, 34, 2, 0}, {1, 1, 1, 1, 1, 1, 1, 0}}, Row{{0, 34, 2, 1}, {0, 34, 2, 1}},
                         Row{{34, 9, 0, 0}, {34, 9, 0, 0}}, Row{{34, 1, 34, 2}, {34, 1, 34, 2}}}) {
    Frame frame(true, row.before);
    blank_tcp_options(frame.bytes.data() + Frame::room, frame.parsed, kinds);
    const Bytes message = frame.grown(0);
    EXPECT_EQ(
        Bytes(message.begin() + tcp::size, message.begin() + tcp::size + 8), row.after.size() == 8 ? row.after : [&] {
          Bytes more = row.after;
          test::append(more, test::bytes_of("hell"));
          return more;
        }());
  }
}

TEST(TcpEdit, DuplicateSacksAreBlanked) {
  const Bytes block = {1, 1, 5, 10, 0, 0, 0, 100, 0, 0, 0, 200};
  Frame kept(true, block), blanked(true, block);
  blank_sack_below(kept.bytes.data() + Frame::room, kept.parsed, 100);
  EXPECT_EQ(kept.grown(0)[tcp::size + 2], 5);
  blank_sack_below(blanked.bytes.data() + Frame::room, blanked.parsed, 101);
  const Bytes message = blanked.grown(0);
  EXPECT_TRUE(
      std::all_of(message.begin() + tcp::size, message.begin() + tcp::size + 12, [](auto b) { return b == 1; }));
}

}  // namespace
}  // namespace limpet::net
