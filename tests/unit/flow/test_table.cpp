#include "flow/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

namespace limpet::flow {
namespace {

constexpr hash::Key seed = {11, 22};

struct Memory {
  explicit Memory(Sizes sizes) : bytes(Table::bytes_needed(sizes)), begin(std::aligned_alloc(64, bytes), &std::free) {
    std::memset(begin.get(), 0, bytes);
  }
  [[nodiscard]] std::span<std::byte> span() const { return {static_cast<std::byte*>(begin.get()), bytes}; }
  std::size_t bytes;
  std::unique_ptr<void, decltype(&std::free)> begin;
};

struct Owned {
  explicit Owned(Sizes sizes) : memory(sizes), table(Table::create(memory.span(), sizes, seed).value()) {}
  Memory memory;
  Table table;
};

template <class Key>
Key key_of(std::uint32_t n);

template <>
NarrowKey key_of(std::uint32_t n) {
  const auto direction = static_cast<Direction>(n & 1);
  return {0x0a000000u + n / 64, static_cast<std::uint16_t>(1024 + n % 64), direction == Direction::back ? 0xf0001u : 1,
          direction};
}

template <>
WideKey key_of(std::uint32_t n) {
  const auto narrow = key_of<NarrowKey>(n);
  WideKey key{net::IpAddress::v4(narrow.client), {}, narrow.client_port, 0, narrow.slot, narrow.direction};
  if (key.direction == Direction::forward) {
    key.vip = net::IpAddress::v4(0xc0000201);
  }
  return key;
}

template <class Key>
struct Hasher {
  std::size_t operator()(const Key& key) const { return hash_of(hash::Key{5, 6}, key); }
};

template <class Key>
class TableOf : public testing::Test {
 protected:
  static constexpr bool wide = std::is_same_v<Key, WideKey>;
  static Sizes sizes(std::uint64_t entries) { return wide ? Sizes{0, entries} : Sizes{entries, 0}; }
  static std::uint64_t live(const Table& table) { return wide ? table.stats().live_wide : table.stats().live_narrow; }
  static std::uint64_t capacity(const Table& table) {
    return wide ? table.stats().capacity_wide : table.stats().capacity_narrow;
  }
};
using Keys = testing::Types<NarrowKey, WideKey>;
TYPED_TEST_SUITE(TableOf, Keys);

struct Shadow {
  Value value;
  Carried carried;
};

/// A table and a std::unordered_map under the same random operations.
template <class Key>
class Differential {
 public:
  Differential(Sizes sizes, std::uint32_t keys, std::uint64_t random_seed)
      : owned_(sizes), keys_(keys), random_(random_seed) {}

  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      step();
      if (i % 1000 == 0) {
        compare();
      }
      if (testing::Test::HasFatalFailure()) {
        return;
      }
    }
    compare();
  }

 private:
  void step() {
    const Key key = key_of<Key>(static_cast<std::uint32_t>(random_() % keys_));
    const auto hash = table().hash(key);
    table().prefetch(key, hash);
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        insert(key, hash);
        break;
      case 3:
        promote(key, hash);
        break;
      case 4:
        EXPECT_EQ(table().erase(key, hash), shadow_.erase(key) == 1);
        break;
      case 5:
        sweep();
        break;
      default:
        change(key, hash);
    }
  }

  void insert(const Key& key, std::uint64_t hash) {
    if (shadow_.contains(key)) {
      return;
    }
    const Value value{static_cast<std::uint32_t>(random_() & 0xffff), static_cast<State>(random_() % 4),
                      static_cast<std::uint8_t>(random_() & ~std::uint64_t{flag::local}),
                      Tick16::from_raw(static_cast<std::uint16_t>(tick_++))};
    Carried carried;
    if constexpr (std::is_same_v<Key, WideKey>) {
      carried.vip =
          key.direction == Direction::forward ? key.vip : net::IpAddress::v4(static_cast<std::uint32_t>(random_()));
      carried.vip_port = static_cast<std::uint16_t>(random_());
      carried.translated_port = static_cast<std::uint16_t>(random_());
    }
    const auto evicted = table().stats().embryonic_evicted;
    const auto* entry = table().insert(key, hash, value, carried);
    if (entry == nullptr) {
      EXPECT_NE(value.state, State::embryonic);
      return;
    }
    EXPECT_EQ(entry->value(), value);
    shadow_[key] = {value, carried};
    if (table().stats().embryonic_evicted != evicted) {
      EXPECT_EQ(value.state, State::embryonic);
      forget_evicted();
    }
  }

  /// Exactly one flow is gone, and it was embryonic.
  void forget_evicted() {
    std::vector<Key> gone;
    for (const auto& [key, shadow] : shadow_) {
      if (table().find(key, table().hash(key)) == nullptr) {
        EXPECT_TRUE(embryonic(shadow));
        gone.push_back(key);
      }
    }
    EXPECT_EQ(gone.size(), 1u);
    for (const Key& key : gone) {
      shadow_.erase(key);
    }
  }

  void promote(const Key& key, std::uint64_t hash) {
    const auto* entry = table().promote(key, hash);
    const auto known = shadow_.find(key);
    if (known == shadow_.end()) {
      EXPECT_EQ(entry, nullptr);
    } else if (entry != nullptr && embryonic(known->second)) {
      known->second.value.state = State::established;
    }
  }

  void change(const Key& key, std::uint64_t hash) {
    auto* entry = table().find(key, hash);
    const auto known = shadow_.find(key);
    ASSERT_EQ(entry != nullptr, known != shadow_.end());
    if (entry != nullptr) {
      ASSERT_EQ(entry->value(), known->second.value);
      ASSERT_EQ(entry->carried(), known->second.carried);
      Value& value = known->second.value;
      value.peer = static_cast<std::uint32_t>(random_() & 0xffff);
      value.used = Tick16::from_raw(static_cast<std::uint16_t>(tick_++));
      entry->set(value);
    }
  }

  void sweep() {
    table().sweep(static_cast<unsigned>(random_() % 4), [&](const auto& key, auto& entry) {
      if constexpr (std::is_same_v<std::decay_t<decltype(key)>, Key>) {
        EXPECT_TRUE(shadow_.contains(key));
        EXPECT_EQ(entry.value(), shadow_[key].value);
        if (random_() % 4 == 0) {
          shadow_.erase(key);
          return Sweep::erase;
        }
      } else {
        ADD_FAILURE() << "entry of the wrong width";
      }
      return Sweep::keep;
    });
  }

  void compare() {
    std::size_t seen = 0;
    std::size_t embryonic_seen = 0;
    Cursor cursor;
    while (!cursor.done) {
      cursor = table().walk(cursor, 3, [&](const auto& key, const auto& entry) {
        if constexpr (std::is_same_v<std::decay_t<decltype(key)>, Key>) {
          ASSERT_TRUE(shadow_.contains(key));
          ASSERT_EQ(entry.value(), shadow_[key].value);
          embryonic_seen += embryonic(shadow_[key]) ? 1u : 0u;
          ++seen;
        }
      });
    }
    const Stats stats = table().stats();
    ASSERT_EQ(seen, shadow_.size());
    ASSERT_EQ(stats.live_narrow + stats.live_wide + stats.embryonic, shadow_.size());
    ASSERT_EQ(stats.embryonic, embryonic_seen);
  }

  static bool embryonic(const Shadow& shadow) { return shadow.value.state == State::embryonic; }
  Table& table() { return owned_.table; }

  Owned owned_;
  std::uint32_t keys_;
  std::mt19937_64 random_;
  std::unordered_map<Key, Shadow, Hasher<Key>> shadow_;
  std::uint32_t tick_ = 0;
};

TYPED_TEST(TableOf, agrees_with_a_map) {
  struct Row {
    std::uint64_t entries;
    std::uint32_t keys;
  };
  for (const Row row : {Row{4, 8}, Row{16, 64}, Row{64, 60}, Row{1024, 900}, Row{1024, 5000}, Row{65536, 20000}}) {
    SCOPED_TRACE(testing::Message() << row.entries << " entries, " << row.keys << " keys");
    Differential<TypeParam>(TestFixture::sizes(row.entries), row.keys, row.keys).run(20000);
  }
}

TYPED_TEST(TableOf, fills_to_what_is_advertised) {
  for (const std::uint64_t entries : {std::uint64_t{1000}, std::uint64_t{100000}, std::uint64_t{1000000}}) {
    Owned owned(this->sizes(entries));
    const auto wanted = static_cast<std::uint32_t>(advertised(this->wide, this->capacity(owned.table)));
    std::uint32_t stored = 0;
    for (std::uint32_t n = 0; n < wanted; ++n) {
      const auto key = key_of<TypeParam>(n);
      stored += owned.table.insert(key, owned.table.hash(key), {n & 0xffff, State::udp}) != nullptr ? 1u : 0u;
    }
    EXPECT_EQ(stored, wanted);
    EXPECT_EQ(this->live(owned.table), stored);
    for (std::uint32_t n = 0; n < wanted; ++n) {
      const auto key = key_of<TypeParam>(n);
      const auto* entry = owned.table.find(key, owned.table.hash(key));
      ASSERT_NE(entry, nullptr);
      ASSERT_EQ(entry->peer(), n & 0xffff);
    }
  }
}

/// Clients that choose their keys: one address and all ports, addresses alike in all bits but a few, both ends alike.
TEST(Table, fills_whatever_the_keys_are) {
  using Make = WideKey (*)(std::uint32_t n);
  const auto v6 = [](std::uint64_t high, std::uint64_t low) {
    std::uint8_t bytes[16];
    store_be<std::uint64_t>(bytes, high);
    store_be<std::uint64_t>(bytes + 8, low);
    return net::IpAddress::v6(bytes);
  };
  static const auto address = v6;
  const Make makes[] = {
      [](std::uint32_t n) {
        return WideKey{address(1, 1), address(1, 2), static_cast<std::uint16_t>(n), 0, n >> 16, Direction::forward};
      },
      [](std::uint32_t n) { return WideKey{address(1, n), address(1, n), 1, 1, 1, Direction::forward}; },
      [](std::uint32_t n) {
        return WideKey{address(std::uint64_t{n} << 44, 0), address(0, 0), 0, 0, 1, Direction::forward};
      },
      [](std::uint32_t n) {
        return WideKey{address(std::uint64_t{n} << 40, std::uint64_t{n} << 40), {}, 0, 0, 1, Direction::back};
      },
      [](std::uint32_t n) {
        return WideKey{address(n, ~std::uint64_t{n}), address(~n, n), 7, 7, 1, Direction::forward};
      },
  };
  for (const Make make : makes) {
    Owned owned({0, 200000});
    const std::uint64_t wanted = advertised(true, owned.table.stats().capacity_wide);
    for (std::uint32_t n = 0; n < wanted; ++n) {
      const WideKey key = make(n);
      ASSERT_NE(owned.table.insert(key, owned.table.hash(key), {1, State::established}), nullptr)
          << n << " of pattern " << &make - makes;
    }
    EXPECT_EQ(owned.table.stats().live_wide, wanted);
  }
}

// Flows come and go at the advertised load for long: no slow decay.
TYPED_TEST(TableOf, stays_usable_at_what_is_advertised) {
  Owned owned(this->sizes(20000));
  const auto wanted = static_cast<std::uint32_t>(advertised(this->wide, this->capacity(owned.table)));
  std::mt19937_64 random(3);
  std::vector<std::uint32_t> stored;
  std::uint32_t next = 0;
  std::uint32_t refused = 0;
  const auto add = [&] {
    const auto key = key_of<TypeParam>(next);
    if (owned.table.insert(key, owned.table.hash(key), {1, State::udp}) != nullptr) {
      stored.push_back(next);
    } else {
      ++refused;
    }
    ++next;
  };
  while (next < wanted) {
    add();
  }
  const std::uint32_t rounds = 10 * wanted;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    auto& victim = stored[random() % stored.size()];
    const auto key = key_of<TypeParam>(victim);
    ASSERT_TRUE(owned.table.erase(key, owned.table.hash(key)));
    victim = stored.back();
    stored.pop_back();
    add();
  }
  EXPECT_EQ(refused, 0u);
}

TYPED_TEST(TableOf, full_live_share_refuses_and_keeps_what_it_has) {
  Owned owned(this->sizes(64));
  std::vector<std::uint32_t> stored;
  for (std::uint32_t n = 0; n < 2000; ++n) {
    const auto key = key_of<TypeParam>(n);
    if (owned.table.insert(key, owned.table.hash(key), {1, State::established}) != nullptr) {
      stored.push_back(n);
    }
  }
  EXPECT_GT(stored.size(), 58u);
  EXPECT_LE(stored.size(), this->capacity(owned.table));
  for (const std::uint32_t n : stored) {
    const auto key = key_of<TypeParam>(n);
    EXPECT_NE(owned.table.find(key, owned.table.hash(key)), nullptr);
  }
  const auto key = key_of<TypeParam>(100000);
  const auto hash = owned.table.hash(key);
  ASSERT_NE(owned.table.insert(key, hash, {1, State::embryonic}), nullptr);
  if (owned.table.promote(key, hash) == nullptr) {
    EXPECT_EQ(owned.table.find(key, hash)->state(), State::embryonic);
  }
}

TYPED_TEST(TableOf, a_flood_evicts_only_embryonic_flows) {
  Owned owned(this->sizes(1024));
  for (std::uint32_t n = 0; n < 600; ++n) {
    const auto key = key_of<TypeParam>(n);
    ASSERT_NE(owned.table.insert(key, owned.table.hash(key), {n, State::established}), nullptr);
  }
  for (std::uint32_t n = 1000; n < 50000; ++n) {
    const auto key = key_of<TypeParam>(n);
    ASSERT_NE(owned.table.insert(key, owned.table.hash(key), {1, State::embryonic, 0, Tick16(n * 100ULL)}), nullptr);
    ASSERT_NE(owned.table.find(key, owned.table.hash(key)), nullptr) << "the newest stays";
  }
  const Stats stats = owned.table.stats();
  EXPECT_EQ(this->live(owned.table), 600u);
  EXPECT_EQ(stats.embryonic + stats.embryonic_evicted, 49000u);
  EXPECT_LE(stats.embryonic, 1024u / 16);
  for (std::uint32_t n = 0; n < 600; ++n) {
    const auto key = key_of<TypeParam>(n);
    EXPECT_NE(owned.table.find(key, owned.table.hash(key)), nullptr);
  }
}

TYPED_TEST(TableOf, eviction_takes_the_oldest_over_the_wrap_of_the_clock) {
  Owned owned(this->sizes(1));  // one bucket of four, also in the embryonic share
  const std::uint16_t ticks[] = {65534, 65530, 65535, 2};
  for (std::uint32_t n = 0; n < 4; ++n) {
    const auto key = key_of<TypeParam>(n);
    ASSERT_NE(owned.table.insert(key, owned.table.hash(key), {n, State::embryonic, 0, Tick16::from_raw(ticks[n])}),
              nullptr);
  }
  for (const std::uint32_t oldest : {1u, 0u, 2u, 3u}) {
    const auto key = key_of<TypeParam>(10 + oldest);
    ASSERT_NE(owned.table.insert(key, owned.table.hash(key), {9, State::embryonic, 0, Tick16::from_raw(5)}), nullptr);
    const auto gone = key_of<TypeParam>(oldest);
    EXPECT_EQ(owned.table.find(gone, owned.table.hash(gone)), nullptr) << oldest;
  }
  EXPECT_EQ(owned.table.stats().embryonic, 4u);
  EXPECT_EQ(owned.table.stats().embryonic_evicted, 4u);
}

TYPED_TEST(TableOf, promotion_keeps_the_value) {
  Owned owned(this->sizes(64));
  const auto key = key_of<TypeParam>(2);
  const auto hash = owned.table.hash(key);
  EXPECT_EQ(owned.table.promote(key, hash), nullptr);
  owned.table.insert(key, hash, {77, State::embryonic, flag::answered, Tick16::from_raw(9)});
  auto* entry = owned.table.promote(key, hash);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->value(), (Value{77, State::established, flag::answered, Tick16::from_raw(9)}));
  EXPECT_EQ(owned.table.promote(key, hash), entry) << "a live flow stays where it is";
  EXPECT_EQ(owned.table.stats().embryonic, 0u);
  EXPECT_EQ(this->live(owned.table), 1u);
}

TYPED_TEST(TableOf, sweep_visits_everything_once_a_pass) {
  Owned owned(this->sizes(1000));
  for (std::uint32_t n = 0; n < 500; ++n) {
    const auto key = key_of<TypeParam>(n);
    owned.table.insert(key, owned.table.hash(key), {n, n % 10 == 0 ? State::embryonic : State::udp});
  }
  std::vector<unsigned> visits(500);
  unsigned turns = 0;
  while (owned.table.sweeps_done() < 2) {
    owned.table.sweep(1, [&](const auto&, auto& entry) {
      ++visits[entry.peer()];
      return Sweep::keep;
    });
    ++turns;
  }
  EXPECT_EQ(turns, 2 * owned.table.bucket_count());
  EXPECT_THAT(visits, testing::Each(2));
  owned.table.sweep(static_cast<unsigned>(owned.table.bucket_count()), [](const auto&, auto&) { return Sweep::erase; });
  EXPECT_EQ(this->live(owned.table) + owned.table.stats().embryonic, 0u);
}

// The other half of a NAT flow goes with it.
TYPED_TEST(TableOf, sweep_may_erase_other_flows) {
  Owned owned(this->sizes(1000));
  for (std::uint32_t n = 0; n < 200; ++n) {
    const auto key = key_of<TypeParam>(n);
    owned.table.insert(key, owned.table.hash(key), {n, State::udp});
  }
  owned.table.sweep(static_cast<unsigned>(owned.table.bucket_count()), [&](const auto&, auto& entry) {
    const auto partner = key_of<TypeParam>(entry.peer() ^ 1);
    EXPECT_TRUE(owned.table.erase(partner, owned.table.hash(partner)));
    return Sweep::erase;
  });
  EXPECT_EQ(this->live(owned.table), 0u);
}

TEST(Table, widths_do_not_meet) {
  Owned owned({64, 64});
  const auto narrow = key_of<NarrowKey>(2);
  const auto wide = key_of<WideKey>(2);
  owned.table.insert(narrow, owned.table.hash(narrow), {1, State::udp});
  EXPECT_EQ(owned.table.find(wide, owned.table.hash(wide)), nullptr);
  owned.table.insert(wide, owned.table.hash(wide), {2, State::udp});
  EXPECT_EQ(owned.table.find(narrow, owned.table.hash(narrow))->peer(), 1u);
  EXPECT_EQ(owned.table.find(wide, owned.table.hash(wide))->peer(), 2u);
}

TEST(Table, memory_is_checked) {
  const Sizes sizes{1000, 1000};
  const Memory memory(sizes);
  EXPECT_THAT(Table::create(memory.span().first(memory.bytes - 1), sizes, seed).error().text,
              testing::HasSubstr("needs"));
  EXPECT_THAT(Table::create({memory.span().data() + 8, memory.bytes}, sizes, seed).error().text,
              testing::HasSubstr("64"));
  EXPECT_FALSE(Table::create(memory.span(), {1ULL << 40, 0}, seed));
}

TEST(Table, advertised_bytes) {
  constexpr std::uint64_t flows = 1000000;
  const Sizes sizes = sizes_for(flows);
  const std::size_t narrow = Table::bytes_needed({sizes.narrow_entries, 0});
  EXPECT_LE(narrow, 64 * flows) << "IPv4, NAT";
  EXPECT_LE(narrow / 2, 32 * flows) << "IPv4, direct return";
  const std::uint64_t wide = advertised(true, sizes.wide_entries);
  EXPECT_GE(wide + 8, flows / 4 * 2) << "a quarter of the flows";
  EXPECT_LE(Table::bytes_needed({0, sizes.wide_entries}), 64 * wide) << "IPv6, direct return";
  EXPECT_LE(Table::bytes_needed({0, sizes.wide_entries}), (160 - 42) * wide / 2) << "IPv6, NAT, beside a spliced entry";
  EXPECT_LE(Table::bytes_needed(sizes), 72 * flows);
  EXPECT_GT(Table::bytes_needed(sizes_for(0)), 0u);
}

}  // namespace
}  // namespace limpet::flow
