// The table of spliced connections.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>
#include <vector>

#include "splice/table.hpp"
#include "support/packet_builder.hpp"

namespace limpet::splice {
namespace {

ConnectionKey key_of(unsigned number) {
  return {net::IpAddress::v4(0x0a000000u + number / 7), static_cast<std::uint16_t>(number % 7), 3};
}

TEST(Table, finds_what_was_put_in) {
  Table table(10'000, {1, 2});
  unsigned full = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    Entry* const entry = table.insert(key_of(i));
    full += entry == nullptr ? 1u : 0u;
    if (entry != nullptr) {
      entry->difference = i;
    }
  }
  EXPECT_EQ(full, 0u) << "of 10,000, at a load of 7/8";
  EXPECT_LE(table.size_bytes(), 10'000u * 42);
  EXPECT_EQ(table.used(), 10'000u - full);
  unsigned found = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    const Entry* const entry = table.find(key_of(i));
    found += entry != nullptr && entry->difference == i ? 1u : 0u;
  }
  EXPECT_EQ(found, 10'000u - full);
}

TEST(Table, fills_to_what_it_is_made_for) {
  constexpr unsigned count = 1'000'000;
  Table table(count, {1, 2});
  for (unsigned i = 0; i < count; ++i) {
    ASSERT_NE(table.insert(key_of(i)), nullptr) << i;
  }
  for (unsigned i = 0; i < count; i += 101) {
    EXPECT_NE(table.find(key_of(i)), nullptr);
  }
}

TEST(Table, keeps_what_was_left_in_its_memory) {
  constexpr unsigned count = 1000;
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines(Table::bytes_needed(count) / sizeof(Line) + 1);
  const std::span memory(lines[0].bytes, Table::bytes_needed(count));
  {
    Table before(memory, {1, 2});
    for (unsigned i = 0; i < count; ++i) {
      Entry* const entry = before.insert(key_of(i));
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(before.record_of(*entry), 0u);
      before.set_record(*entry, i + 5);
      if (i % 4 != 0) {
        entry->join({.difference = i, .own = i + 1, .shift_in = 3, .shift_out = -2, .blanks_sack = true});
      }
    }
  }
  Table table(memory, {1, 2});
  EXPECT_EQ(table.adopt([](const Entry& entry) { return entry.phase == Phase::spliced; }), count / 4);
  EXPECT_EQ(table.used(), count * 3 / 4);
  for (unsigned i = 0; i < count; ++i) {
    const Entry* const entry = table.find(key_of(i));
    ASSERT_EQ(entry != nullptr, i % 4 != 0);
    if (entry != nullptr) {
      EXPECT_EQ(entry->difference, i);
      EXPECT_EQ(entry->waiting, i + 1);
      EXPECT_EQ(table.record_of(*entry), i + 5) << "others have moved it";
      EXPECT_TRUE(entry->shift_in == 3 && entry->shift_out() == -2 && entry->blanks_sack && entry->is_plain());
    }
  }
  Table other(count, {3, 4});
  table.each([&](const Entry& entry) { EXPECT_TRUE(other.restore(entry, table.record_of(entry))); });
  table.each([&](const Entry& entry) { EXPECT_FALSE(other.restore(entry)) << "there already"; });
  EXPECT_EQ(other.used(), table.used());
  EXPECT_EQ(other.find(key_of(7))->difference, 7u);
  EXPECT_EQ(other.record_of(*other.find(key_of(7))), 12u);
}

TEST(Table, tells_who_uses_timestamps) {
  Entry entry;
  entry.join({.own = 0x12345678, .later = 99});
  EXPECT_TRUE(entry.stamped && entry.is_plain());
  EXPECT_EQ(entry.waiting, 99u);
  EXPECT_EQ(entry.own_mark, Entry::mark_of(0xff3456ff)) << "what hangs on the client's number, and nothing else";
  EXPECT_NE(entry.own_mark, Entry::mark_of(0x12345578));
  entry.join({.own = 5});
  EXPECT_FALSE(entry.stamped);
  EXPECT_EQ(entry.waiting, 5u);
}

TEST(Table, survives_any_memory) {
  std::mt19937_64 random(1);
  alignas(64) static std::array<std::uint64_t, 1024> words;
  for (int round = 0; round < 200; ++round) {
    for (auto& word : words) {
      word = random() % 3 == 0 ? random() : 0;
    }
    Table table(std::as_writable_bytes(std::span(words)), {1, 2});
    table.adopt([](const Entry& entry) { return entry.phase == Phase::spliced; });
    std::uint64_t kept = 0;
    table.each([&](Entry& entry) {
      ++kept;
      EXPECT_EQ(table.find(entry.key()), &entry) << "it lies where its key says";
      EXPECT_EQ(entry.phase, Phase::spliced);
    });
    EXPECT_EQ(table.used(), kept);
    EXPECT_NE(table.insert(key_of(1)), nullptr);
  }
}

TEST(Table, tells_keys_apart) {
  Table table(16, {1, 2});
  ASSERT_NE(table.insert({test::ip("10.0.0.1"), 1000, 3}), nullptr);
  for (const ConnectionKey& other :
       {ConnectionKey{test::ip("10.0.0.2"), 1000, 3}, ConnectionKey{test::ip("10.0.0.1"), 1001, 3},
        ConnectionKey{test::ip("10.0.0.1"), 1000, 4}}) {
    EXPECT_EQ(table.find(other), nullptr);
  }
}

TEST(Table, forgets_and_sweeps) {
  Table table(64, {1, 2});
  for (unsigned i = 0; i < 40; ++i) {
    ASSERT_NE(table.insert(key_of(i)), nullptr);
  }
  table.erase(*table.find(key_of(7)));
  EXPECT_EQ(table.find(key_of(7)), nullptr);
  std::set<std::pair<std::uint64_t, std::uint16_t>> seen;
  table.sweep(table.bucket_count(), [&](Entry& entry) {
    seen.emplace(entry.client.low(), entry.client_port);
    table.erase(entry);
  });
  EXPECT_EQ(seen.size(), 39u);
  EXPECT_EQ(table.used(), 0u);
  EXPECT_EQ(table.find(key_of(8)), nullptr);
}

}  // namespace
}  // namespace limpet::splice
