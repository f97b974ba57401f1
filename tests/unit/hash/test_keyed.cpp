#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "hash/keyed.hpp"

namespace limpet::hash {
namespace {

constexpr Key keys[] = {{0, 0}, {1, 2}, {0x0123456789abcdefULL, 0xfedcba9876543210ULL}};

// Every input bit turns every output bit with probability one half.
TEST(Keyed, avalanche) {
  for (const Key& key : keys) {
    constexpr unsigned rounds = 2000;
    for (unsigned in = 0; in < 128; ++in) {
      std::vector<unsigned> flips(64);
      for (std::uint64_t i = 0; i < rounds; ++i) {
        const std::uint64_t x = i * 3;  // small numbers, as addresses and slots are
        const std::uint64_t y = i;
        const std::uint64_t changed =
            keyed(key, x, y) ^ (in < 64 ? keyed(key, x ^ (1ULL << in), y) : keyed(key, x, y ^ (1ULL << (in - 64))));
        for (unsigned out = 0; out < 64; ++out) {
          flips[out] += static_cast<unsigned>((changed >> out) & 1);
        }
      }
      for (unsigned out = 0; out < 64; ++out) {
        EXPECT_NEAR(flips[out], rounds / 2, 6 * std::sqrt(rounds) / 2) << "in " << in << " out " << out;
      }
    }
  }
}

// 65,536 addresses in a row into 4096 x 4096 pairs of buckets: as even as chance.
TEST(Keyed, both_halves_pick_buckets_evenly_and_independently) {
  for (const Key& key : keys) {
    constexpr unsigned buckets = 4096;
    constexpr unsigned inputs = 1u << 16;
    std::vector<unsigned> high(buckets);
    std::vector<unsigned> low(buckets);
    std::unordered_set<std::uint64_t> pairs;
    for (unsigned i = 0; i < inputs; ++i) {
      const std::uint64_t h = keyed(key, 0xc6336400u + i, 80);
      ++high[h >> 52];
      ++low[(h >> 20) & 0xfff];
      pairs.insert((h >> 52) << 12 | ((h >> 20) & 0xfff));
    }
    for (const auto* counts : {&high, &low}) {
      double chi = 0;
      for (const unsigned count : *counts) {
        chi += (count - 16.0) * (count - 16.0) / 16.0;
      }
      EXPECT_NEAR(chi, buckets, 6 * std::sqrt(2.0 * buckets));
    }
    EXPECT_GT(pairs.size(), inputs - 128 - 100);  // 128 collisions expected
  }
}

TEST(Keyed, no_pair_of_small_inputs_collides) {
  std::unordered_set<std::uint64_t> seen;
  for (std::uint64_t x = 0; x < 512; ++x) {
    for (std::uint64_t y = 0; y < 512; ++y) {
      seen.insert(keyed(keys[1], x, y));
    }
  }
  EXPECT_EQ(seen.size(), 512u * 512u);
}

TEST(Keyed, key_changes_everything) {
  unsigned same_bits = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    same_bits += static_cast<unsigned>(std::popcount(~(keyed({1, 2}, i, i) ^ keyed({1, 3}, i, i))));
  }
  EXPECT_NEAR(same_bits, 32000, 800);
}

TEST(Keyed, bytes_of_every_length_differ) {
  std::unordered_set<std::uint64_t> seen;
  for (const char fill : {'\0', 'a'}) {
    for (std::size_t length = 0; length <= 100; ++length) {
      seen.insert(keyed(keys[1], std::string(length, fill)));
    }
  }
  EXPECT_EQ(seen.size(), 201u);  // the empty text is in both
}

TEST(Keyed, every_byte_of_a_text_counts) {
  for (std::size_t length = 1; length <= 40; ++length) {
    const std::string text(length, 'x');
    for (std::size_t i = 0; i < length; ++i) {
      std::string other = text;
      other[i] = 'y';
      EXPECT_NE(keyed(keys[0], text), keyed(keys[0], other));
    }
  }
}

TEST(Keyed, empty_view_without_data) {
  EXPECT_EQ(keyed(keys[1], std::string_view{}), keyed(keys[1], ""));
}

// Choices of backends rest on these: they may never change.
TEST(Keyed, golden) {
  EXPECT_EQ(keyed(keys[2], 0, 0), 0x48a0e930ee422287ULL);
  EXPECT_EQ(keyed(keys[2], 1, 2), 0x42d49830e701f2b4ULL);
  EXPECT_EQ(keyed(keys[2], "web/b1"), 0xf767b14e5920ef61ULL);
  EXPECT_EQ(keyed(keys[2], "a name that is longer than sixteen bytes"), 0x2e07b15b9dee0483ULL);
}

}  // namespace
}  // namespace limpet::hash
