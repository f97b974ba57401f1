// Tokens of Limpet's own: read by every node with the secret, for as long as they count.
#include <gtest/gtest.h>

#include "plan/compile.hpp"
#include "plan/own_token.hpp"

namespace limpet::plan {
namespace {

constexpr std::int64_t begin_s = 1'767'225'600;

std::shared_ptr<const Plan> node(std::int64_t unix_at_zero_s, std::uint32_t now_s, std::uint64_t max_life_ms = 0,
                                 const hash::Secret& secret = hash::fixed_secret()) {
  model::Model model;
  model.ports["front"].device = "net_null0";
  model.ports["front"].addresses = {*net::Prefix::parse("192.0.2.1/24")};
  model.profiles["own"] = {.type = model::ProfileType::cookie, .name = "SRV", .by = model::By::insert};
  model.profiles["own"].max_life_ms = max_life_ms;
  for (const char* name : {"b1", "b2", "b3"}) {
    model.pools["web"].backends[name].addresses = {*net::Endpoint::parse(fmt::format("192.0.2.2{}:80", name[1]))};
  }
  model.services["web"].pool = "web";
  model.services["web"].persist = {"own"};
  model.services["web"].listen = {{*net::Prefix::parse("192.0.2.10/32"), 80, net::Protocol::tcp}};
  Slots slots(64);
  return compile({.model = model,
                  .secret = secret,
                  .device_macs = {{"front", net::Mac{{2, 0, 0, 0, 0, 1}}}},
                  .version = 1,
                  .unix_at_zero_s = unix_at_zero_s,
                  .now_s = now_s},
                 slots)
      .value();
}
const Persist& own(const Plan& plan) {
  return plan.services.front().persist.front();
}
std::string made(const Plan& plan, std::size_t backend, std::uint32_t now_s, std::uint32_t nonce = 1) {
  std::string text(extract::cookie_token_bytes, ' ');
  write_own_token(plan, own(plan), plan.pools.front().backends[backend], now_s, nonce,
                  std::span<char, extract::cookie_token_bytes>(text.data(), text.size()));
  return text;
}
std::string read(const Plan& plan, const std::string& token, std::uint32_t now_s) {
  const Backend* const backend = backend_of_token(plan, plan.pools.front(), own(plan), token, now_s);
  return backend == nullptr ? "" : backend->name;
}

TEST(OwnToken, is_known_to_every_node_with_the_secret) {
  const auto one = node(begin_s - 1000, 1000), other = node(begin_s - 5'000'000, 5'000'000);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read(*other, made(*one, i, 1000), 5'000'000), fmt::format("web/b{}", i + 1));
  }
  hash::Secret secret = hash::fixed_secret();
  secret[0] ^= 1;
  EXPECT_EQ(read(*node(begin_s, 0, 0, secret), made(*one, 0, 1000), 0), "");
}

TEST(OwnToken, ends_at_max_life_by_the_wall_clock) {
  const auto one = node(begin_s, 0, 3'600'000);
  const std::string token = made(*one, 1, 10);
  EXPECT_EQ(read(*one, token, 10 + 3600), "web/b2");
  EXPECT_EQ(read(*one, token, 10 + 3601), "");
  EXPECT_EQ(read(*node(begin_s + 7200, 0, 3'600'000), token, 0), "") << "on a node that was started later, too";
  EXPECT_EQ(read(*node(begin_s - 7200, 0, 3'600'000), token, 0), "web/b2") << "a clock that is behind ends nothing";
}

TEST(OwnToken, lives_through_the_turn_of_an_epoch) {
  const std::int64_t turn_s = (begin_s / cookie_epoch_s + 1) * cookie_epoch_s;
  const auto before = node(turn_s - 1, 0), after = node(turn_s, 0), next = node(turn_s + cookie_epoch_s, 0);
  EXPECT_NE(before->cookie_epoch, after->cookie_epoch);
  EXPECT_EQ(read(*after, made(*before, 0, 0), 0), "web/b1");
  EXPECT_EQ(read(*before, made(*after, 0, 0), 0), "web/b1") << "of a node whose clock is ahead";
  EXPECT_EQ(read(*next, made(*before, 0, 0), 0), "");
}

TEST(OwnToken, line_leaves_what_follows_in_its_place) {
  for (const char* name : {"a", "ab"}) {
    model::Profile profile{.type = model::ProfileType::cookie, .name = name, .by = model::By::insert};
    EXPECT_EQ(model::cookie_line(profile).size() % 2, 0u) << name;
  }
}

}  // namespace
}  // namespace limpet::plan
