// The table of spliced connections.
#include <gtest/gtest.h>

#include <set>

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
  EXPECT_LE(full, 20u) << "of 10,000, at a load of one half";
  EXPECT_EQ(table.used(), 10'000u - full);
  unsigned found = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    const Entry* const entry = table.find(key_of(i));
    found += entry != nullptr && entry->difference == i ? 1u : 0u;
  }
  EXPECT_EQ(found, 10'000u - full);
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
