// Segments of a spliced connection, as the other side numbers.
#include <gtest/gtest.h>

#include <algorithm>

#include "net/parse.hpp"
#include "net/tcp_edit.hpp"
#include "splice/edit.hpp"
#include "support/packet_builder.hpp"

namespace limpet::splice {
namespace {

using test::Bytes;

struct Frame {
  Bytes bytes;
  net::Parsed parsed;
  [[nodiscard]] std::uint8_t* l4() { return bytes.data() + parsed.l4_offset; }
  [[nodiscard]] std::uint16_t window() { return load_be<std::uint16_t>(l4() + net::tcp::window); }
};

Frame frame_of(bool v4, Bytes options, std::uint16_t window, std::uint8_t flags = net::tcp_flag::ack) {
  Frame frame{test::PacketBuilder()
                  .ip(v4 ? "10.0.0.1" : "2001:db8:c::1", v4 ? "192.0.2.10" : "2001:db8:1::10")
                  .tcp(1000, 80, flags, std::move(options))
                  .numbers(100, 0xfffffff0, window)
                  .payload("some data")
                  .build(),
              {}};
  net::parse(frame.bytes.data(), frame.bytes.size(), frame.bytes.size(), frame.parsed);
  return frame;
}

void expect_right(const Frame& frame) {
  const auto& p = frame.parsed;
  const Bytes message(frame.bytes.begin() + p.l4_offset, frame.bytes.end());
  EXPECT_EQ(test::plain_l4_checksum(p.source, p.destination, p.protocol, message), 0);
}

Entry entry_of(const Joint& joint) {
  Entry entry;
  entry.join(joint);
  return entry;
}

TEST(Edit, moves_the_numbers_of_one_side) {
  for (const bool v4 : {true, false}) {
    const Entry entry = entry_of({.difference = 0xfffffff8});
    Frame in = frame_of(v4, {1, 1, 5, 10, 0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 4}, 1000);
    edit_inward(entry, in.l4());
    expect_right(in);
    EXPECT_EQ(net::tcp_sequence(in.bytes.data(), in.parsed), 100u);
    EXPECT_EQ(net::tcp_acknowledgment(in.bytes.data(), in.parsed), 0xfffffff8u);
    EXPECT_EQ(load_be<std::uint32_t>(in.l4() + net::tcp::size + 4), 0u) << "around the end of the numbers";
    EXPECT_EQ(load_be<std::uint32_t>(in.l4() + net::tcp::size + 8), 12u);
    Frame back = frame_of(v4, {}, 1000);
    edit_outward(entry, back.l4());
    expect_right(back);
    EXPECT_EQ(net::tcp_sequence(back.bytes.data(), back.parsed), 92u);
    EXPECT_EQ(net::tcp_acknowledgment(back.bytes.data(), back.parsed), 0xfffffff0u);
  }
}

TEST(Edit, leaves_what_acknowledges_nothing) {
  Frame frame = frame_of(true, {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 4}, 1000, net::tcp_flag::psh);
  const Bytes before = frame.bytes;
  edit_inward(entry_of({.difference = 7}), frame.l4());
  EXPECT_EQ(frame.bytes, before);
}

TEST(Edit, blanks_what_the_backend_has_not_promised) {
  Frame frame = frame_of(true, {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 4}, 1000);
  edit_inward(entry_of({.difference = 7, .blanks_sack = true}), frame.l4());
  expect_right(frame);
  EXPECT_FALSE(net::has_tcp_option(frame.bytes.data(), frame.parsed, net::tcp_option::sack));
}

/// Where timestamps may lie; `at`: of the value.
struct Stamped {
  const char* what;
  Bytes options;
  std::size_t at;
};
class Stamps : public testing::TestWithParam<Stamped> {};

TEST_P(Stamps, move_each_way) {
  const auto& [what, options, at] = GetParam();
  const Entry entry = entry_of({.difference = 7, .shift_in = 1, .shift_out = -1, .later = 0x20});
  for (const bool v4 : {true, false}) {
    Frame in = frame_of(v4, options, 1000);
    edit_inward(entry, in.l4());
    expect_right(in);
    EXPECT_EQ(net::tcp_timestamps(in.bytes.data(), in.parsed), (net::Timestamps{0xfffffff0, 0xfffffff0}));
    EXPECT_EQ(load_be<std::uint32_t>(in.l4() + at), 0xfffffff0u);
    EXPECT_EQ(net::tcp_acknowledgment(in.bytes.data(), in.parsed), 0xffffffe9u);
    Frame back = frame_of(v4, options, 1000);
    edit_outward(entry, back.l4());
    expect_right(back);
    EXPECT_EQ(net::tcp_timestamps(back.bytes.data(), back.parsed), (net::Timestamps{0x10, 0x10}));
    Frame unmoved = frame_of(v4, options, 1000);
    edit_outward(entry_of({.difference = 7}), unmoved.l4());
    EXPECT_EQ(net::tcp_timestamps(unmoved.bytes.data(), unmoved.parsed), (net::Timestamps{0xfffffff0, 0x10}));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Edit, Stamps,
    testing::Values(Stamped{"first", {1, 1, 8, 10, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0x10}, 24},
                    Stamped{"unaligned", {8, 10, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0x10, 1, 1}, 22},
                    Stamped{"at_an_odd_place", {1, 8, 10, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0x10, 0}, 23},
                    Stamped{"behind_sack",
                            {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 4, 1, 1, 8, 10, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0x10},
                            36},
                    Stamped{"before_sack",
                            {1, 1, 8, 10, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0x10, 1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12},
                            24}),
    [](const auto& row) { return row.param.what; });

TEST(Edit, moves_edges_beside_timestamps) {
  const Entry entry = entry_of({.difference = 7, .later = 1});
  Frame in = frame_of(true, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12}, 1000);
  edit_inward(entry, in.l4());
  expect_right(in);
  EXPECT_EQ(load_be<std::uint32_t>(in.l4() + 36), 2u);
  EXPECT_EQ(load_be<std::uint32_t>(in.l4() + 40), 5u);
}

TEST(Edit, takes_segments_without_timestamps_as_they_are) {
  const Entry entry = entry_of({.difference = 7, .later = 1});
  for (const Bytes& options : {Bytes{}, Bytes{1, 1, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0}, Bytes{1, 1, 8, 10}}) {
    Frame in = frame_of(true, options, 1000, net::tcp_flag::ack | net::tcp_flag::rst);
    Frame back = in;
    edit_inward(entry, in.l4());
    edit_outward(entry, back.l4());
    expect_right(in);
    expect_right(back);
    EXPECT_TRUE(std::equal(options.begin(), options.end(), in.l4() + net::tcp::size));
    EXPECT_TRUE(std::equal(options.begin(), options.end(), back.l4() + net::tcp::size));
  }
}

TEST(Edit, shifts_windows_and_no_further_than_they_go) {
  struct Row {
    std::uint16_t before;
    std::int8_t by;
    std::uint16_t after;
  };
  for (const Row& row : {Row{1000, 3, 8000}, Row{1000, -3, 125}, Row{1007, -3, 125}, Row{65535, 1, 65535},
                         Row{40000, 14, 65535}, Row{1, -1, 0}, Row{0, 14, 0}, Row{7, 0, 7}}) {
    for (const bool v4 : {true, false}) {
      Frame in = frame_of(v4, {}, row.before);
      edit_inward(entry_of({.shift_in = std::max<int>(row.by, 0)}), in.l4());
      expect_right(in);
      EXPECT_EQ(in.window(), row.by < 0 ? row.before : row.after) << "of clients, never to the right";
      Frame back = frame_of(v4, {}, row.before);
      edit_outward(entry_of({.shift_out = row.by}), back.l4());
      expect_right(back);
      EXPECT_EQ(back.window(), row.after);
    }
  }
}

}  // namespace
}  // namespace limpet::splice
