#include <gtest/gtest.h>

#include <map>

#include "hash/maglev.hpp"

namespace limpet::hash {
namespace {

constexpr Key seed{1, 2};

std::vector<MaglevCandidate> equal(unsigned count) {
  std::vector<MaglevCandidate> made;
  for (unsigned i = 0; i < count; ++i) {
    made.push_back({keyed(seed, i, 77), 1});
  }
  return made;
}

std::map<std::uint16_t, unsigned> slots_of(const MaglevTable& table) {
  std::map<std::uint16_t, unsigned> counts;
  for (const auto slot : table.slots()) {
    ++counts[slot];
  }
  return counts;
}

TEST(Maglev, EqualWeightsGetEqualShares) {
  const MaglevTable table(seed, equal(10));
  EXPECT_GE(table.slots().size(), 1000u);
  const auto counts = slots_of(table);
  ASSERT_EQ(counts.size(), 10u);
  for (const auto& [candidate, count] : counts) {
    EXPECT_NEAR(count, static_cast<double>(table.slots().size()) / 10, 1) << candidate;
  }
}

/// Also where weights are large, as they are where they stand for capacities.
TEST(Maglev, SharesFollowWeights) {
  for (const std::uint32_t unit : {1u, 1000u, 300'000u}) {
    auto candidates = equal(4);
    candidates[0].weight = 3 * unit;
    candidates[1].weight = unit;
    candidates[2].weight = unit / 2;
    candidates[3].weight = 0;
    const MaglevTable table(seed, candidates, 4099);
    const auto counts = slots_of(table);
    const double whole = 3.0 * unit + unit + static_cast<double>(unit / 2);
    EXPECT_NEAR(counts.at(0), 4099 * 3.0 * unit / whole, 3) << unit;
    EXPECT_NEAR(counts.at(1), 4099 * 1.0 * unit / whole, 3) << unit;
    EXPECT_FALSE(counts.contains(3));
  }
}

TEST(Maglev, ACandidateThatLeavesMovesFewSlotsOfOthers) {
  auto candidates = equal(10);
  const MaglevTable before(seed, candidates, 65537);
  candidates.pop_back();
  const MaglevTable after(seed, candidates, 65537);
  unsigned moved = 0;
  for (std::size_t i = 0; i < before.slots().size(); ++i) {
    moved += before.slots()[i] != 9 && before.slots()[i] != after.slots()[i] ? 1u : 0u;
  }
  EXPECT_LT(moved, 65537u / 50);
}

TEST(Maglev, NobodyWithoutWeight) {
  EXPECT_EQ(MaglevTable(seed, {}).find(1), MaglevTable::nobody);
  EXPECT_EQ(MaglevTable(seed, {{1, 0}, {2, 0}}).find(~0ull), MaglevTable::nobody);
}

TEST(Maglev, IsAFunctionOfSeedAndNames) {
  EXPECT_EQ(MaglevTable(seed, equal(7)).slots(), MaglevTable(seed, equal(7)).slots());
  EXPECT_NE(MaglevTable({3, 4}, equal(7)).slots(), MaglevTable(seed, equal(7)).slots());
}

}  // namespace
}  // namespace limpet::hash
