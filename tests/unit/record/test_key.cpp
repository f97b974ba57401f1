#include "record/key.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace limpet::record {
namespace {

using net::IpAddress;

struct Row {
  const char* client;
  unsigned prefix4;
  unsigned prefix6;
  const char* prefix;
  bool wide;
};

class SourceKey : public testing::TestWithParam<Row> {};

TEST_P(SourceKey, gives_its_prefix_back) {
  const auto& row = GetParam();
  const Key key = source_key(*IpAddress::parse(row.client), row.prefix4, row.prefix6, 5);
  EXPECT_EQ(prefix_of(key, row.prefix4, row.prefix6).text(), row.prefix);
  EXPECT_EQ(key.wide, row.wide);
  EXPECT_EQ(key.scope & ~scope_v4, 5u);
  if (!key.wide) {
    EXPECT_EQ(key.low, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SourceKey,
                         testing::Values(Row{"192.0.2.77", 32, 64, "192.0.2.77/32", false},
                                         Row{"192.0.2.77", 24, 64, "192.0.2.0/24", false},
                                         Row{"255.255.255.255", 1, 64, "128.0.0.0/1", false},
                                         Row{"192.0.2.77", 0, 64, "0.0.0.0/0", false},
                                         Row{"2001:db8::7:0:0:1", 32, 64, "2001:db8::/64", false},
                                         Row{"2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64", false},
                                         Row{"2001:db8:1:2:3:4:5:6", 32, 48, "2001:db8:1::/48", false},
                                         Row{"2001:db8:1:2:3:4:5:6", 32, 0, "::/0", false},
                                         Row{"2001:db8:1:2:ffff:4:5:6", 32, 65, "2001:db8:1:2:8000::/65", true},
                                         Row{"2001:db8:1:2:3:4:5:6", 32, 128, "2001:db8:1:2:3:4:5:6/128", true}));

TEST(SourceKeys, families_scopes_and_widths_never_meet) {
  // The first 64 bits of these IPv6 addresses are the number of the IPv4 address.
  const auto v4 = IpAddress::v4(0xc0000201);
  const auto v6 = *IpAddress::parse("0:0:c000:201::");
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t, bool>> keys;
  for (const auto& key : {source_key(v4, 32, 64, 1), source_key(v4, 32, 64, 2), source_key(v6, 32, 64, 1),
                          source_key(v6, 32, 128, 1), source_key(v6, 32, 64, 2)}) {
    keys.insert({key.high, key.low, key.scope, key.wide});
  }
  EXPECT_EQ(keys.size(), 5u);
}

TEST(SourceKeys, every_part_counts_in_the_hash) {
  const Key key{1, 2, 3, true};
  const hash::Key seed{7, 8};
  EXPECT_NE(hash_of(seed, key), hash_of(seed, {2, 2, 3, true}));
  EXPECT_NE(hash_of(seed, key), hash_of(seed, {1, 3, 3, true}));
  EXPECT_NE(hash_of(seed, key), hash_of(seed, {1, 2, 4, true}));
  EXPECT_NE(hash_of(seed, key), hash_of({7, 9}, key));
}

}  // namespace
}  // namespace limpet::record
