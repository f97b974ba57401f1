#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "hash/rendezvous.hpp"

namespace limpet::hash {
namespace {

constexpr Key seed = {0x0123456789abcdefULL, 0xfedcba9876543210ULL};

struct Candidate {
  std::string name;
  std::uint32_t weight;
};

std::size_t choose(const std::vector<Candidate>& candidates, std::uint64_t key, const Key& pool = seed) {
  std::size_t best = candidates.size();
  Score lowest;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Score cost = score(candidate_hash(pool, keyed({}, candidates[i].name), key, 0), candidates[i].weight);
    if (cost < lowest) {
      lowest = cost;
      best = i;
    }
  }
  return best;
}

TEST(NegLog2, agrees_with_the_library_to_48_bits) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> inputs = {1, 2, 3, 127, 128, 129, ~0ULL, ~0ULL - 1, 1ULL << 63, (1ULL << 63) - 1};
  for (int i = 0; i < 200000; ++i) {
    inputs.push_back(random() >> (i % 64));
  }
  for (std::uint64_t i = 0; i < 256; ++i) {  // both sides of every step of the table
    inputs.push_back(1ULL << 63 | i << 55);
    inputs.push_back((1ULL << 63 | i << 55) - 1);
  }
  for (const std::uint64_t h : inputs) {
    const long double expected = 64 - std::log2(static_cast<long double>(h == 0 ? 1 : h));
    const long double got = std::ldexp(static_cast<long double>(neglog2(h)), -static_cast<int>(neglog2_fraction_bits));
    ASSERT_NEAR(static_cast<double>(got - expected), 0, std::ldexp(1, -48)) << h;
  }
}

TEST(NegLog2, never_rises) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 300000; ++i) {
    const std::uint64_t h = random() >> (i % 64);
    const std::uint64_t step = 1 + (random() >> (random() % 64));
    if (h + step > h) {
      ASSERT_GE(neglog2(h), neglog2(h + step)) << h << " + " << step;
    }
  }
  for (std::uint64_t i = 1; i < 256; ++i) {
    const std::uint64_t edge = 1ULL << 63 | i << 55;
    ASSERT_GE(neglog2(edge - 1), neglog2(edge)) << i;
  }
  EXPECT_EQ(neglog2(0), neglog2(1));
  EXPECT_EQ(neglog2(1), 64ULL << neglog2_fraction_bits);
}

struct WeightsRow {
  const char* what;
  std::vector<std::uint32_t> weights;
};

class Shares : public testing::TestWithParam<WeightsRow> {};

TEST_P(Shares, follow_the_weights) {
  constexpr std::uint32_t keys = 100000;
  std::vector<Candidate> candidates;
  double total = 0;
  for (const std::uint32_t weight : GetParam().weights) {
    candidates.push_back({"b" + std::to_string(candidates.size()), weight});
    total += weight;
  }
  std::vector<double> counts(candidates.size());
  for (std::uint32_t key = 0; key < keys; ++key) {
    ++counts.at(choose(candidates, 0xc0000200u + key));
  }
  double chi = 0;
  double degrees = -1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double expected = double{keys} * candidates[i].weight / total;
    if (candidates[i].weight == 0) {
      EXPECT_EQ(counts[i], 0);
      continue;
    }
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++degrees;
  }
  EXPECT_LT(chi, degrees + 5 * std::sqrt(2 * degrees) + 5);
}

INSTANTIATE_TEST_SUITE_P(Rendezvous, Shares,
                         testing::Values(WeightsRow{"equal", {1, 1, 1}}, WeightsRow{"equal_heavy", {65535, 65535}},
                                         WeightsRow{"ten", {1, 10}}, WeightsRow{"hundred", {1, 100}},
                                         WeightsRow{"with_zero", {5, 0, 5}},
                                         WeightsRow{"many", std::vector<std::uint32_t>(100, 7)},
                                         WeightsRow{"mixed", {1, 2, 3, 4, 5, 6, 7, 8}}),
                         [](const auto& row) { return std::string(row.param.what); });

TEST(Rendezvous, weight_zero_is_never_chosen) {
  EXPECT_TRUE(score(~0ULL, 0).never());
  EXPECT_FALSE(score(0, 1).never());
  EXPECT_LT(score(0, 1), score(~0ULL, 0));
  EXPECT_EQ(choose({{"a", 0}}, 1), 1u);
}

TEST(Rendezvous, removal_moves_only_the_keys_of_the_removed) {
  std::vector<Candidate> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back({"b" + std::to_string(i), static_cast<std::uint32_t>(1 + i)});
  }
  for (const std::size_t gone : {0u, 4u, 9u}) {
    auto rest = all;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    unsigned moved = 0;
    for (std::uint64_t key = 0; key < 20000; ++key) {
      const auto& before = all[choose(all, key)].name;
      const auto& after = rest[choose(rest, key)].name;
      if (before == all[gone].name) {
        ++moved;
      } else {
        ASSERT_EQ(before, after) << key;  // read backwards: an addition moves keys to the added one only
      }
    }
    EXPECT_GT(moved, 0u);
  }
}

TEST(Rendezvous, more_weight_only_attracts) {
  std::vector<Candidate> before = {{"a", 10}, {"b", 10}, {"c", 10}};
  auto after = before;
  after[1].weight = 15;
  for (std::uint64_t key = 0; key < 20000; ++key) {
    const auto chosen = choose(after, key);
    ASSERT_TRUE(chosen == choose(before, key) || chosen == 1);
  }
}

TEST(Rendezvous, pools_choose_independently) {
  const std::vector<Candidate> candidates = {{"a", 1}, {"b", 1}};
  unsigned alike = 0;
  for (std::uint64_t key = 0; key < 10000; ++key) {
    alike += choose(candidates, key) == choose(candidates, key, {seed.a + 1, seed.b}) ? 1u : 0u;
  }
  EXPECT_NEAR(alike, 5000, 300);
}

// All nodes, builds and releases choose alike: these may never change.
TEST(Rendezvous, golden) {
  EXPECT_EQ(neglog2(0x0123456789abcdefULL), 1126084545955828435ULL);
  EXPECT_EQ(neglog2(0xfedcba9876543210ULL), 926122988537753ULL);
  EXPECT_EQ(neglog2(~0ULL), 1ULL);
  const std::uint64_t name = keyed({}, "b1");
  EXPECT_EQ(candidate_hash(seed, name, 0xc0000201, 0), 0xa4c7a967a01ccbdfULL);
  EXPECT_EQ(candidate_hash(seed, name, 0x20010db800010000, 0x1), 0xa9b55ea8cf1a9281ULL);
  EXPECT_EQ(score(candidate_hash(seed, name, 0xc0000201, 0), 10).cost, 9160008728565096ULL);
  std::string choices;
  const std::vector<Candidate> candidates = {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 100}, {"e", 94}};
  for (std::uint64_t key = 0; key < 64; ++key) {
    choices += candidates[choose(candidates, key)].name;
  }
  EXPECT_EQ(choices, "edeedddedededdedeeddeeeeededddeededdaeeededdeddddddededdeeddedde");
}

}  // namespace
}  // namespace limpet::hash
