// The MSS option of a SYN: lowered wherever it lies, never raised, with the checksum right.
#include "net/mss.hpp"

#include <gtest/gtest.h>

#include "net/parse.hpp"
#include "support/packet_builder.hpp"

namespace limpet::net {
namespace {

using test::Bytes;
using test::PacketBuilder;

struct Row {
  const char* what;
  Bytes options;
  std::size_t value_at;  // in the options
  std::uint16_t after;   // with 1300 at most; 0: nothing changes
};

class ClampMss : public ::testing::TestWithParam<Row> {};

TEST_P(ClampMss, InBothFamilies) {
  const Row& row = GetParam();
  for (const bool v4 : {true, false}) {
    Bytes frame = PacketBuilder()
                      .ip(v4 ? "10.0.0.1" : "2001:db8::1", v4 ? "192.0.2.10" : "2001:db8::2")
                      .tcp(1, 2, tcp_flag::syn, row.options)
                      .payload("fast open")
                      .build();
    Parsed parsed;
    parse(frame.data(), frame.size(), frame.size(), parsed);
    const Bytes before = frame;
    clamp_mss(frame.data(), parsed, 1300);
    const Bytes message(frame.begin() + parsed.l4_offset, frame.end());
    EXPECT_EQ(test::plain_l4_checksum(parsed.source, parsed.destination, 6, message), 0);
    if (row.after == 0) {
      EXPECT_EQ(frame, before);
    } else {
      EXPECT_EQ(load_be<std::uint16_t>(&message[tcp::size + row.value_at]), row.after);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Options, ClampMss,
                         ::testing::Values(Row{"first", {2, 4, 0x05, 0xb4}, 2, 1300}, Row{"none", {}, 0, 0},
                                           Row{"small enough", {2, 4, 0x05, 0x14}, 0, 0},
                                           Row{"smaller", {2, 4, 0x02, 0x00}, 0, 0},
                                           Row{"at an odd offset", {1, 2, 4, 0xff, 0xfe, 1, 1, 1}, 3, 1300},
                                           Row{"behind others", {4, 2, 1, 3, 3, 7, 2, 4, 0x23, 0x28, 0, 0}, 8, 1300},
                                           Row{"behind the end", {0, 2, 4, 0x23, 0x28, 0, 0, 0}, 0, 0},
                                           Row{"cut short", {1, 1, 2, 4}, 0, 0},
                                           Row{"of no length", {8, 0, 2, 4, 0x23, 0x28, 0, 0}, 0, 0},
                                           Row{"of another length", {2, 3, 0x23, 0x28}, 0, 0},
                                           Row{"beyond the header", {8, 40, 2, 4, 0x23, 0x28, 0, 0}, 0, 0}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.what;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(ClampMss, OnlyOfSyns) {
  Bytes frame = PacketBuilder().ip("10.0.0.1", "192.0.2.10").tcp(1, 2, tcp_flag::ack, {2, 4, 0x23, 0x28}).build();
  Parsed parsed;
  parse(frame.data(), frame.size(), frame.size(), parsed);
  const Bytes before = frame;
  clamp_mss(frame.data(), parsed, 1300);
  EXPECT_EQ(frame, before);
}

}  // namespace
}  // namespace limpet::net
