#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "flow/entry.hpp"

namespace limpet::flow {
namespace {

static_assert(unsigned{flag::client_fin} + flag::server_fin + flag::answered + flag::recorded + flag::counted +
                      flag::limited + flag::local + flag::rests ==
                  0xff,
              "each flag has a bit of its own, of the eight that there are");

net::IpAddress address(std::mt19937_64& random) {
  const std::uint64_t words[2] = {random(), random()};
  return net::IpAddress::v6(words);
}

template <class Key>
Key random_key(std::mt19937_64& random);

template <>
NarrowKey random_key(std::mt19937_64& random) {
  const auto direction = static_cast<Direction>(random() & 1);
  return {static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(random()),
          static_cast<std::uint32_t>(random() & (direction == Direction::back ? 0xfffffu : 0xffffu)), direction};
}

template <>
WideKey random_key(std::mt19937_64& random) {
  const auto direction = static_cast<Direction>(random() & 1);
  return {address(random),
          direction == Direction::back || random() % 3 == 0 ? net::IpAddress{} : address(random),
          static_cast<std::uint16_t>(random()),
          static_cast<std::uint16_t>(random()),
          static_cast<std::uint32_t>(random() & (direction == Direction::back ? 0xfffffu : 0xffffu)),
          direction};
}

/// Full NAT: the VIP of a forward key is none, and its entry has the flag.
bool is_local(const NarrowKey&) {
  return false;
}
bool is_local(const WideKey& key) {
  return key.direction == Direction::forward && key.vip.is_none();
}
std::uint8_t flags_for(const auto& key, std::uint64_t flags) {
  return static_cast<std::uint8_t>((flags & ~std::uint64_t{flag::local}) | (is_local(key) ? flag::local : 0u));
}

Value random_value(std::mt19937_64& random, const auto& key) {
  return {static_cast<std::uint32_t>(random() & (key.direction == Direction::back ? 0xffffu : 0xfffffu)),
          static_cast<State>(random() % 4), flags_for(key, random()),
          Tick16::from_raw(static_cast<std::uint16_t>(random()))};
}

template <class Key>
class EntryOf : public testing::Test {};
using Keys = testing::Types<NarrowKey, WideKey>;
TYPED_TEST_SUITE(EntryOf, Keys);

TYPED_TEST(EntryOf, keeps_all_it_is_given) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto key = random_key<TypeParam>(random);
    const Value value = random_value(random, key);
    const Carried carried{address(random), static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
    Entry<TypeParam> entry{};
    ASSERT_FALSE(entry.valid());
    entry.write(key, value, carried);
    ASSERT_TRUE(entry.valid());
    ASSERT_TRUE(entry.holds(key));
    ASSERT_EQ(entry.key(), key);
    ASSERT_EQ(entry.value(), value);
    if constexpr (std::is_same_v<TypeParam, WideKey>) {
      const bool carries = key.direction == Direction::back || is_local(key);
      ASSERT_EQ(entry.carried().vip, carries ? carried.vip : key.vip);
      ASSERT_EQ(entry.carried().vip_port, carried.vip_port);
      ASSERT_EQ(entry.carried().translated_port, carried.translated_port);
    } else {
      ASSERT_EQ(entry.carried(), Carried{});
    }
    const Carried before = entry.carried();
    const Value other = random_value(random, key);
    entry.set(other);
    ASSERT_EQ(entry.value(), other);
    entry.touch(Tick16::from_raw(0xffff));
    entry.set_flags(flags_for(key, 0xa5));
    entry.set_state(State::closing);
    ASSERT_EQ(entry.value(), (Value{other.peer, State::closing, flags_for(key, 0xa5), Tick16::from_raw(0xffff)}));
    ASSERT_EQ(entry.key(), key);
    ASSERT_EQ(entry.carried(), before);
    entry.clear();
    ASSERT_FALSE(entry.valid());
    ASSERT_FALSE(entry.holds(key));
  }
}

// Near misses of every kind: other keys by one field, entries emptied after they held the key.
TYPED_TEST(EntryOf, a_bucket_is_matched_as_its_entries_hold) {
  std::mt19937_64 random(2);
  unsigned found = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto key = random_key<TypeParam>(random);
    std::array<Entry<TypeParam>, 4> bucket{};
    for (auto& entry : bucket) {
      auto other = key;
      switch (random() % 6) {
        case 0:
          other = random_key<TypeParam>(random);
          break;
        case 1:
          other.client_port = static_cast<std::uint16_t>(other.client_port ^ 1);
          break;
        case 2:
          other.slot ^= 1;
          break;
        case 3:
          other.direction = other.direction == Direction::back ? Direction::forward : Direction::back;
          break;
        default:
          break;
      }
      entry.write(other, random_value(random, other), {});
      if (random() % 3 == 0) {
        entry.clear();
      }
    }
    unsigned expected = 0;
    for (unsigned at = 0; at < bucket.size(); ++at) {
      expected |= bucket[at].holds(key) ? 1u << (4 * at) : 0u;
    }
    ASSERT_EQ(Entry<TypeParam>::match(bucket, Entry<TypeParam>::pattern(key)), expected);
    found += expected != 0 ? 1 : 0;
  }
  EXPECT_GT(found, 1000u);
}

// Every bit of a key is part of the identity.
TEST(NarrowEntry, no_bit_of_the_key_is_lost) {
  const NarrowKey key{0xc0000201, 40000, 0x1234, Direction::forward};
  NarrowEntry entry{};
  entry.write(key, {}, {});
  for (unsigned bit = 0; bit < 32; ++bit) {
    EXPECT_FALSE(entry.holds({key.client ^ (1u << bit), key.client_port, key.slot, key.direction}));
  }
  for (unsigned bit = 0; bit < 16; ++bit) {
    EXPECT_FALSE(
        entry.holds({key.client, static_cast<std::uint16_t>(key.client_port ^ (1u << bit)), key.slot, key.direction}));
  }
  for (unsigned bit = 0; bit < 20; ++bit) {
    EXPECT_FALSE(entry.holds({key.client, key.client_port, key.slot ^ (1u << bit), key.direction}));
  }
  EXPECT_FALSE(entry.holds({key.client, key.client_port, key.slot, Direction::back}));
}

struct WideRow {
  const char* what;
  WideKey key;
  bool same;
};

TEST(WideEntry, identity_is_what_the_direction_says) {
  const auto ip = [](const char* text) { return *net::IpAddress::parse(text); };
  const WideKey forward{ip("2001:db8::1"), ip("2001:db8::2"), 1000, 80, 7, Direction::forward};
  const WideKey back{ip("2001:db8::1"), {}, 1000, 80, 0xf0007, Direction::back};
  WideEntry forward_entry{};
  WideEntry back_entry{};
  forward_entry.write(forward, {0xfffff}, {});
  back_entry.write(back, {0xffff}, {ip("2001:db8::2"), 80, 999});
  const auto with = [](WideKey key, auto change) {
    change(key);
    return key;
  };
  const WideRow forward_rows[] = {
      {"itself", forward, true},
      {"client", with(forward, [&](auto& key) { key.client = ip("2001:db8::3"); }), false},
      {"client high", with(forward, [&](auto& key) { key.client = ip("2001:db9::1"); }), false},
      {"vip", with(forward, [&](auto& key) { key.vip = ip("2001:db8::3"); }), false},
      {"vip high", with(forward, [&](auto& key) { key.vip = ip("2001:db9::2"); }), false},
      {"client port", with(forward, [](auto& key) { key.client_port = 1001; }), false},
      {"server port", with(forward, [](auto& key) { key.server_port = 0; }), false},
      {"slot", with(forward, [](auto& key) { key.slot = 8; }), false},
      {"direction", with(forward, [](auto& key) { key.direction = Direction::back; }), false},
  };
  for (const auto& row : forward_rows) {
    EXPECT_EQ(forward_entry.holds(row.key), row.same) << row.what;
    EXPECT_EQ(forward == row.key, row.same) << row.what;
  }
  const WideRow back_rows[] = {
      {"itself", back, true},
      {"vip is carried", with(back, [&](auto& key) { key.vip = ip("2001:db8::3"); }), true},
      {"client", with(back, [&](auto& key) { key.client = ip("2001:db8::3"); }), false},
      {"slot's high bits", with(back, [](auto& key) { key.slot = 7; }), false},
      {"server port", with(back, [](auto& key) { key.server_port = 81; }), false},
  };
  for (const auto& row : back_rows) {
    EXPECT_EQ(back_entry.holds(row.key), row.same) << row.what;
    EXPECT_EQ(hash_of({}, back) == hash_of({}, row.key), row.same) << row.what;
  }
}

// A file of entries is read by the next release.
TEST(Layout, golden) {
  NarrowEntry narrow{};
  narrow.write({0xc0000201, 0x1234, 0xabcde, Direction::back}, {0x54321, State::udp, 0xa5, Tick16::from_raw(0xbeef)},
               {});
  std::uint64_t words[2];
  std::memcpy(words, &narrow, sizeof words);
  EXPECT_EQ(words[0], 0xc00002011234bcdeULL);
  EXPECT_EQ(words[1], 1ULL << 47 | 0xaULL << 48 | 0x54321ULL << 27 | 0xbeefULL << 11 | 0xa5ULL << 3 | 4 | 1ULL << 52);

  WideEntry wide{};
  wide.write(
      {*net::IpAddress::parse("2001:db8::1"), *net::IpAddress::parse("2001:db8::2"), 1, 2, 3, Direction::forward},
      {0x54321, State::embryonic, 0xa5, Tick16::from_raw(0xbeef)}, {{}, 4, 5});
  std::uint64_t more[6];
  std::memcpy(more, &wide, sizeof more);
  EXPECT_EQ(more[0], 0x20010db800000000ULL);
  EXPECT_EQ(more[1], 1u);
  EXPECT_EQ(more[2], 0x20010db800000000ULL);
  EXPECT_EQ(more[3], 2u);
  EXPECT_EQ(more[4], 1ULL << 48 | 2ULL << 32 | 5ULL << 16 | 4);
  EXPECT_EQ(more[5], 3ULL << 48 | 0x54321ULL << 28 | 0xbeefULL << 11 | 0xa5ULL << 3 | 1);
}

}  // namespace
}  // namespace limpet::flow
