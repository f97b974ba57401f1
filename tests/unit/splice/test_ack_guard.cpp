#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "splice/ack_guard.hpp"

namespace limpet::splice {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes segment(std::uint32_t sequence, std::uint32_t acknowledgment, const Bytes& options = {}, std::size_t data = 0) {
  Bytes bytes(net::tcp::size);
  store_be<std::uint32_t>(&bytes[net::tcp::sequence], sequence);
  store_be<std::uint32_t>(&bytes[net::tcp::acknowledgment], acknowledgment);
  bytes[net::tcp::data_offset] = static_cast<std::uint8_t>((net::tcp::size + options.size()) / 4 << 4);
  bytes[net::tcp::flags] = net::tcp_flag::ack;
  bytes.insert(bytes.end(), options.begin(), options.end());
  bytes.resize(bytes.size() + data);
  return bytes;
}
const Bytes stamps{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
const Bytes sack{1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};

class AckGuardTest : public testing::Test {
 protected:
  bool passes(const Bytes& one, std::uint64_t connection = 7) {
    return guard.passes(connection, one.data(), one.size(), Tick16(now_ms));
  }
  /// How many of so many.
  unsigned passing(unsigned count, const Bytes& one) {
    unsigned passed = 0;
    for (unsigned i = 0; i < count; ++i) {
      passed += passes(one) ? 1u : 0u;
    }
    return passed;
  }
  AckGuard guard{{1, 2}};
  Millis now_ms = 5000;
};

TEST_F(AckGuardTest, lets_the_same_pass_some_times_a_second) {
  for (const Bytes& options : {Bytes{}, stamps}) {
    const Bytes one = segment(100, 200, options);
    now_ms += 1000;
    EXPECT_EQ(passing(1000, one), AckGuard::same_max);
    now_ms += 999;
    EXPECT_EQ(passing(1000, one), 0u) << "of one second";
    now_ms += 1;
    EXPECT_EQ(passing(1000, one), AckGuard::same_max);
    EXPECT_TRUE(passes(one, 8)) << "another connection's";
    EXPECT_TRUE(passes(segment(101, 200, options))) << "another number";
    EXPECT_TRUE(passes(segment(100, 201, options))) << "more is acknowledged";
  }
}

TEST_F(AckGuardTest, lets_all_pass_that_say_more) {
  EXPECT_EQ(passing(1000, segment(100, 200, sack)), 1000u) << "what else has come";
  EXPECT_EQ(passing(1000, segment(100, 200, {}, 1)), 1000u) << "data";
  EXPECT_EQ(passing(1000, segment(100, 200, stamps, 1)), 1000u);
  for (const std::uint8_t flag : {net::tcp_flag::fin, net::tcp_flag::rst, net::tcp_flag::syn}) {
    Bytes one = segment(100, 200);
    one[net::tcp::flags] |= flag;
    EXPECT_EQ(passing(1000, one), 1000u);
  }
}

TEST_F(AckGuardTest, sees_a_storm_through_whatever_else_is_said) {
  const Bytes one = segment(100, 200);
  unsigned passed = 0, others_passed = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    passed += passes(one) ? 1u : 0u;
    for (std::uint32_t j = 0; j < 200; ++j) {
      others_passed += passes(segment(i * 200 + j, 1), 1 + j) ? 1u : 0u;
    }
  }
  EXPECT_LT(passed, 2 * AckGuard::same_max);
  EXPECT_EQ(others_passed, 200'000u);
}

}  // namespace
}  // namespace limpet::splice
