#include "extract/cookie_token.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace limpet::extract {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

CookieEpoch epoch(std::uint32_t number, const char* purpose = "cookie/web") {
  return cookie_epoch(hash::fixed_secret(), purpose, number);
}
CookieEpochs epochs(std::uint32_t number) {
  return {epoch(number), epoch(number > 0 ? number - 1 : 0), epoch(number + 1)};
}
std::string token(const CookieEpoch& made_in, const CookieContent& content, std::uint32_t nonce) {
  std::string text(cookie_token_bytes, ' ');
  write_cookie_token(made_in, content, nonce, std::span<char, cookie_token_bytes>(text.data(), cookie_token_bytes));
  return text;
}

// Made by a Python program that knows the description in cookie_token.hpp, hmac and a SipHash of its own only. Nodes of
// all releases read each other's tokens: these may never change.
TEST(CookieToken, golden) {
  EXPECT_EQ(token(epoch(0), {}, 0), "AAAAAAOtMnOpAxe1s7PcNMx8cFrc");
  EXPECT_EQ(token(epoch(1), {0x12345678, 1767225600}, 0xdeadbeef), "B3q2-71pD4FwMM4zP8fbhyg97z5A");
  EXPECT_EQ(token(epoch(63), {~0u, ~0u}, ~0u), "______6QJyQqRYZ84F2eYzA9qVyg");
  EXPECT_EQ(token(epoch(20415, "cookie/api"), {7, 1700000000}, 42), "_AAAAKoN9LFszeTfJ8mgy7H0axnE");
  EXPECT_EQ(read_cookie_token(epochs(1), "B3q2-71pD4FwMM4zP8fbhyg97z5A"), (CookieContent{0x12345678, 1767225600}));
}

TEST(CookieToken, says_what_was_written) {
  std::mt19937 engine(1);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  const CookieEpochs valid = epochs(77);
  for (int i = 0; i < 2000; ++i) {
    const CookieContent content{random(), random()};
    const CookieEpoch& made_in = i % 3 == 0 ? valid.current : i % 3 == 1 ? valid.previous : valid.next;
    const std::string text = token(made_in, content, random());
    ASSERT_EQ(text.size(), cookie_token_bytes);
    ASSERT_EQ(text.find_first_not_of(digits), std::string::npos) << text;
    ASSERT_EQ(read_cookie_token(valid, text), content) << text;
  }
}

TEST(CookieToken, counts_in_the_last_two_epochs_and_the_next) {
  const std::string text = token(epoch(5), {1, 2}, 3);
  for (const std::uint32_t now : {0u, 4u, 5u, 6u, 7u, 8u, 69u, 70u}) {
    EXPECT_EQ(read_cookie_token(epochs(now), text).has_value(), now >= 4 && now <= 6) << now;
  }
}

TEST(CookieToken, is_refused_when_any_character_is_another) {
  const CookieEpochs valid = epochs(9);
  const std::string text = token(valid.current, {0xcafe, 1767225600}, 0x01020304);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (unsigned c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[at] = static_cast<char>(c);
      EXPECT_EQ(read_cookie_token(valid, changed).has_value(), changed == text) << changed;
    }
  }
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    std::string swapped = text;
    std::swap(swapped[at], swapped[at + 1]);
    EXPECT_EQ(read_cookie_token(valid, swapped).has_value(), swapped == text) << swapped;
  }
}

TEST(CookieToken, of_another_length_is_refused) {
  const CookieEpochs valid = epochs(9);
  const std::string text = token(valid.current, {0xcafe, 1767225600}, 7);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(read_cookie_token(valid, std::string_view(text).substr(0, size)));
  }
  for (const std::string& longer : {text + "A", text + "=", text + text, "A" + text}) {
    EXPECT_FALSE(read_cookie_token(valid, longer)) << longer;
  }
}

TEST(CookieToken, of_another_purpose_or_secret_is_refused) {
  const std::string text = token(epoch(9), {0xcafe, 1767225600}, 7);
  EXPECT_FALSE(read_cookie_token({epoch(9, "cookie/api"), epoch(8, "cookie/api"), epoch(10, "cookie/api")}, text));
  hash::Secret other = hash::fixed_secret();
  other[31] ^= 1;
  const CookieEpoch strange = cookie_epoch(other, "cookie/web", 9);
  EXPECT_FALSE(read_cookie_token({strange, strange, strange}, text));
}

TEST(CookieToken, tells_nobody_the_backend) {
  const CookieEpoch made_in = epoch(3);
  std::set<std::string> ends;
  for (std::uint32_t nonce = 0; nonce < 1000; ++nonce) {
    ends.insert(token(made_in, {0xcafe, 1767225600}, nonce).substr(6));
  }
  EXPECT_EQ(ends.size(), 1000u);  // the same backend and time never look alike
  unsigned equal = 0, compared = 0;
  const std::string one = token(made_in, {0xcafe, 1767225600}, 1), two = token(made_in, {0xbeef, 1767225600}, 1);
  for (std::size_t at = 7; at < one.size(); ++at, ++compared) {
    equal += one[at] == two[at] ? 1u : 0u;
  }
  EXPECT_LT(equal, compared / 2);  // no field of another content stays as it is
}

}  // namespace
}  // namespace limpet::extract
