// SYN cookies: what was put in comes out, for as long as it should, and for nobody else.
#include <gtest/gtest.h>

#include <random>

#include "splice/cookie.hpp"
#include "support/packet_builder.hpp"

namespace limpet::splice {
namespace {

using test::endpoint;

const Opening opening{endpoint("10.0.0.1:1000"), endpoint("192.0.2.10:80"), 12345};
const Opening opening6{endpoint("[2001:db8:c::1]:1000"), endpoint("[2001:db8:1::10]:80"), 12345};
const Cookies cookies({1, 2});
constexpr Millis now_ms = 1'000'000;

TEST(Cookie, says_what_was_offered) {
  for (const Opening& one : {opening, opening6}) {
    for (const std::uint16_t mss :
         std::initializer_list<std::uint16_t>{536, 1220, 1300, 1360, 1400, 1440, 1460, 8940}) {
      for (std::uint8_t scale = 0; scale <= Offer::no_scale; ++scale) {
        for (const bool sack : {false, true}) {
          const Offer offer{mss, scale, sack};
          EXPECT_EQ(cookies.read(one, cookies.make(one, offer, now_ms), now_ms), offer);
        }
      }
    }
  }
}

TEST(Cookie, takes_segments_down_to_a_size_it_can_say) {
  const auto read = [](std::uint16_t mss) {
    return cookies.read(opening, cookies.make(opening, {mss, 7, true}, now_ms), now_ms)->mss;
  };
  EXPECT_EQ(read(1459), 1440);
  EXPECT_EQ(read(1461), 1460);
  EXPECT_EQ(read(65535), 8940);
  EXPECT_EQ(read(100), 536) << "no host takes less (RFC 9293, section 3.7.1)";
}

constexpr Millis period_begin_ms = now_ms / Cookies::period_ms * Cookies::period_ms;

TEST(Cookie, is_good_for_a_period_or_two) {
  for (const Millis made_ms : {period_begin_ms, period_begin_ms + Cookies::period_ms - 1}) {
    const std::uint32_t cookie = cookies.make(opening, {}, made_ms);
    const Millis end_ms = period_begin_ms + 2 * Cookies::period_ms - Cookies::ahead_ms;
    EXPECT_TRUE(cookies.read(opening, cookie, made_ms));
    EXPECT_TRUE(cookies.read(opening, cookie, end_ms - 1));
    EXPECT_TRUE(cookies.may_be(opening, cookie, end_ms - 1));
    EXPECT_FALSE(cookies.read(opening, cookie, end_ms));
    EXPECT_FALSE(cookies.may_be(opening, cookie, end_ms)) << "one in 2048 would be taken for it";
  }
}

TEST(Cookie, is_known_to_a_node_whose_clock_is_not_quite_the_makers) {
  for (const Millis made_ms :
       {period_begin_ms, period_begin_ms + Cookies::period_ms / 2, period_begin_ms + Cookies::period_ms - 1}) {
    const std::uint32_t cookie = cookies.make(opening, {}, made_ms);
    for (const Millis apart_ms : {Millis{1}, Cookies::ahead_ms / 2, Cookies::ahead_ms}) {
      EXPECT_TRUE(cookies.read(opening, cookie, made_ms - apart_ms)) << "the maker's clock is ahead";
      EXPECT_TRUE(cookies.read(opening, cookie, made_ms + apart_ms)) << "the reader's clock is ahead";
    }
  }
  const std::uint32_t cookie = cookies.make(opening, {}, period_begin_ms);
  EXPECT_FALSE(cookies.read(opening, cookie, period_begin_ms - Cookies::ahead_ms - 1));
}

TEST(Cookie, is_its_own_connections) {
  const std::uint32_t cookie = cookies.make(opening, {}, now_ms);
  for (const Opening& other :
       {Opening{endpoint("10.0.0.2:1000"), opening.vip, 12345}, Opening{endpoint("10.0.0.1:1001"), opening.vip, 12345},
        Opening{opening.client, endpoint("192.0.2.11:80"), 12345},
        Opening{opening.client, endpoint("192.0.2.10:81"), 12345}, Opening{opening.client, opening.vip, 12346},
        opening6}) {
    EXPECT_FALSE(cookies.read(other, cookie, now_ms));
  }
  EXPECT_FALSE(Cookies({1, 3}).read(opening, cookie, now_ms)) << "another secret";
}

TEST(Cookie, knows_its_ends_whatever_the_number) {
  const std::uint32_t cookie = cookies.make(opening, {}, now_ms);
  EXPECT_TRUE(cookies.may_be({opening.client, opening.vip, 99}, cookie, now_ms + Cookies::period_ms));
  unsigned others = 0;
  for (std::uint16_t l4_port = 1; l4_port <= 40'000; ++l4_port) {
    others += cookies.may_be({{opening.client.address, l4_port}, opening.vip, 99}, cookie, now_ms) ? 1u : 0u;
  }
  EXPECT_LE(others, 60u) << "two in 4096 are taken for it";
}

TEST(Cookie, is_hard_to_guess) {
  std::mt19937 random(1);
  unsigned right = 0;
  for (int i = 0; i < 2'000'000; ++i) {
    right += cookies.read(opening, static_cast<std::uint32_t>(random()), now_ms) ? 1u : 0u;
  }
  EXPECT_LE(right, 3u) << "one in eight million is";
}

}  // namespace
}  // namespace limpet::splice
