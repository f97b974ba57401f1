#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/big_endian.hpp"
#include "base/id.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace limpet {
namespace {

TEST(BigEndian, lies_in_network_order) {
  const be16 two(0x0102);
  const be32 four(0x01020304);
  const be64 eight(0x0102030405060708);
  EXPECT_EQ(std::memcmp(&two, "\1\2", 2), 0);
  EXPECT_EQ(std::memcmp(&four, "\1\2\3\4", 4), 0);
  EXPECT_EQ(std::memcmp(&eight, "\1\2\3\4\5\6\7\10", 8), 0);
  EXPECT_EQ(two.host(), 0x0102);
  EXPECT_EQ(be32::from_raw(four.raw()), four);
  static_assert(sizeof(be16) == 2 && sizeof(be32) == 4 && sizeof(be64) == 8);
  static_assert(be32(0x01020304).host() == 0x01020304);
  static_assert(!std::is_convertible_v<std::uint16_t, be16> && !std::is_convertible_v<be16, std::uint16_t>);
}

TEST(BigEndian, loads_and_stores_anywhere) {
  std::uint8_t bytes[16];
  for (std::size_t at = 0; at < 8; ++at) {
    std::memset(bytes, 0xee, sizeof bytes);
    store_be<std::uint64_t>(bytes + at, 0x0102030405060708);
    EXPECT_EQ(load_be<std::uint64_t>(bytes + at), 0x0102030405060708u);
    EXPECT_EQ(load_be<std::uint16_t>(bytes + at), 0x0102u);
    EXPECT_EQ(load_be<std::uint32_t>(bytes + at + 4), 0x05060708u);
    EXPECT_EQ(load_be<std::uint8_t>(bytes + at + 7), 8u);
    EXPECT_EQ(bytes[at + 8], 0xee);
  }
}

TEST(Tick16, counts_seconds) {
  EXPECT_EQ(Tick16(0).raw(), 0);
  EXPECT_EQ(Tick16(999).raw(), 0);
  EXPECT_EQ(Tick16(1000).raw(), 1);
  EXPECT_EQ(Tick16(65536ULL * 1000).raw(), 0);
}

TEST(Tick16, ages_are_right_over_the_wrap) {
  struct Row {
    Millis then_ms, now_ms;
    std::uint16_t age_s;
  };
  constexpr Millis wrap_ms = 65536ULL * 1000;
  for (const Row row : {Row{0, 0, 0}, Row{5000, 5999, 0}, Row{5000, 8000, 3}, Row{wrap_ms - 1000, wrap_ms, 1},
                        Row{wrap_ms - 1, wrap_ms + 9000, 10}, Row{7 * wrap_ms + 1000, 8 * wrap_ms, 65535},
                        Row{wrap_ms - 5000, wrap_ms - 5000 + flow_timeout_max_ms, 32400}}) {
    EXPECT_EQ(Tick16(row.then_ms).age(Tick16(row.now_ms)), row.age_s) << row.then_ms;
    EXPECT_EQ(Tick16::from_raw(Tick16(row.then_ms).raw()), Tick16(row.then_ms));
  }
  static_assert(flow_timeout_max_ms / 1000 <= std::numeric_limits<std::uint16_t>::max() / 2);
}

TEST(Id, kinds_do_not_mix) {
  static_assert(!std::is_convertible_v<BackendSlot, ListenerSlot> && !std::is_convertible_v<int, BackendSlot>);
  static_assert(sizeof(BackendSlot) == 4 && sizeof(InterfaceIndex) == 2);
  EXPECT_FALSE(BackendSlot().valid());
  EXPECT_TRUE(BackendSlot(0).valid());
  EXPECT_LT(BackendSlot(1), BackendSlot(2));
  EXPECT_EQ((std::unordered_set<BackendSlot>{BackendSlot(1), BackendSlot(1), BackendSlot(2)}.size()), 2u);
}

TEST(Result, carries_a_value_or_a_text) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) {
      return fail("{} is odd", n);
    }
    return n / 2;
  };
  EXPECT_EQ(half(4).value(), 2);
  EXPECT_EQ(half(3).error().text, "3 is odd");
}

}  // namespace
}  // namespace limpet
