#include "splice/replies.hpp"

#include <gtest/gtest.h>

namespace limpet::splice {
namespace {

ConnectionKey key(std::uint16_t port) {
  return {net::IpAddress::v4(0x0a000001), port, 1};
}
bool never(const ConnectionKey&) {
  return false;
}

TEST(Replies, are_found_until_erased) {
  Replies replies(100, {1, 2});
  for (std::uint16_t i = 0; i < 100; ++i) {
    Reply* const one = replies.add(key(i), never);
    ASSERT_NE(one, nullptr);
    one->begin = i;
    one->text_size = 3;
  }
  EXPECT_EQ(replies.add(key(200), never), nullptr);
  for (std::uint16_t i = 0; i < 100; i += 2) {
    replies.erase(*replies.find(key(i)));
  }
  for (std::uint16_t i = 0; i < 100; ++i) {
    const Reply* const one = replies.find(key(i));
    ASSERT_EQ(one != nullptr, i % 2 == 1) << i;
    EXPECT_TRUE(one == nullptr || one->begin == i);
  }
  EXPECT_EQ(replies.used(), 50u);
}

TEST(Replies, begin_anew_for_a_connection_that_has_one) {
  Replies replies(4, {1, 2});
  replies.add(key(1), never)->text_size = 3;
  EXPECT_EQ(replies.add(key(1), never)->text_size, 0);
  EXPECT_EQ(replies.used(), 1u);
}

TEST(Replies, of_connections_that_are_over_make_room) {
  Replies replies(16, {1, 2});
  for (std::uint16_t i = 0; i < 16; ++i) {
    ASSERT_NE(replies.add(key(i), never), nullptr);
  }
  const auto is_over = [](const ConnectionKey& some) { return some.client_port == 5; };
  unsigned tries = 0;
  while (replies.add(key(100), is_over) == nullptr) {
    ASSERT_LT(++tries, 3u) << "all are looked at in turn";
  }
  EXPECT_EQ(replies.find(key(5)), nullptr);
  EXPECT_NE(replies.find(key(100)), nullptr);
}

}  // namespace
}  // namespace limpet::splice
