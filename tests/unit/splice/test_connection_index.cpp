#include "splice/connection_index.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace limpet::splice {
namespace {

constexpr std::uint32_t places = 64;

ConnectionKey key_of(std::uint32_t client) {
  return {net::IpAddress::v4(0xc6336400u + client % 4), static_cast<std::uint16_t>(1024 + client), 7};
}

struct World {
  ConnectionIndex index{places, {1, 2}};
  std::vector<ConnectionKey> keys = std::vector<ConnectionKey>(places);
  void add(std::uint32_t client, std::uint32_t place) { index.add(keys[place] = key_of(client), place); }
  [[nodiscard]] std::uint32_t find(std::uint32_t client) const {
    return index.find(
        key_of(client), [this](std::uint32_t place) -> const auto& { return keys[place]; });
  }
};

TEST(ConnectionIndex, FindsWhatIsInAndNothingElse) {
  World world;
  for (std::uint32_t i = 0; i < places; ++i) {
    EXPECT_EQ(world.find(i), ConnectionIndex::none);
    world.add(i, places - 1 - i);
  }
  for (std::uint32_t i = 0; i < places; ++i) {
    EXPECT_EQ(world.find(i), places - 1 - i);
  }
  EXPECT_EQ(world.find(places), ConnectionIndex::none);
}

TEST(ConnectionIndex, WhatIsTakenOutLeavesTheOthersOfItsChain) {
  World world;
  for (std::uint32_t i = 0; i < places; ++i) {
    world.add(i, i);
  }
  for (std::uint32_t i = 0; i < places; i += 2) {
    world.index.remove(world.keys[i], i);
  }
  for (std::uint32_t i = 0; i < places; ++i) {
    EXPECT_EQ(world.find(i), i % 2 == 0 ? ConnectionIndex::none : i);
  }
  world.add(1000, 0);
  EXPECT_EQ(world.find(1000), 0u);
}

TEST(ConnectionIndex, ThePlaceOfAChainIsNotForeseen) {
  unsigned alike = 0;
  for (std::uint32_t i = 0; i < 64; ++i) {
    const auto bucket = [&](const hash::Key& seed) { return hash_of(key_of(i), seed) >> 58; };
    alike += bucket({1, 2}) == bucket({3, 4}) ? 1u : 0u;
  }
  EXPECT_LT(alike, 16u);
}

}  // namespace
}  // namespace limpet::splice
