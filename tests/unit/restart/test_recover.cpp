// A node's tables over a restart: with the same sizes, with others, with another secret, from the layout before, and
// from files that cannot be used.
#include "restart/recover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::restart {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr unsigned clients = 300;

net::IpAddress client(unsigned n) {
  return net::IpAddress::v4(0x0a000000 + n);
}

void fill(Set& set) {
  const hash::Owner owner(set.geometry.workers);
  for (unsigned n = 0; n < clients; ++n) {
    const record::Key key = record::source_key(client(n), 32, 64, 0);
    record::Table& records = set.tables->records;
    records.claim(key, records.hash(key), BackendSlot(n % 3), 900, record::Share::live);
    flow::Table& flows = set.tables->flows[owner.owner(client(n))];
    const flow::NarrowKey back{client(n).v4_host(), 1024, n % 3, flow::Direction::back};
    const flow::NarrowKey forward{client(n).v4_host(), 1024, 0, flow::Direction::forward};
    const Tick16 used(now_ms - 1000);
    flows.insert(back, flows.hash(back), {0, flow::State::established, 0, used});
    flows.insert(forward, flows.hash(forward), {n % 3, flow::State::established, flow::flag::counted, used});
  }
}

void expect_all_there(Tables& tables) {
  const hash::Owner owner(static_cast<unsigned>(tables.flows.size()));
  for (unsigned n = 0; n < clients; ++n) {
    const record::Key key = record::source_key(client(n), 32, 64, 0);
    const auto record = tables.records.find(key, tables.records.hash(key));
    ASSERT_TRUE(record) << n;
    EXPECT_EQ(record->backend, BackendSlot(n % 3));
    EXPECT_EQ(record->used_s, 900u);
    flow::Table& flows = tables.flows[owner.owner(client(n))];
    const flow::NarrowKey forward{client(n).v4_host(), 1024, 0, flow::Direction::forward};
    const auto* entry = flows.find(forward, flows.hash(forward));
    ASSERT_NE(entry, nullptr) << n;
    EXPECT_EQ(entry->value(),
              (flow::Value{n % 3, flow::State::established, flow::flag::counted, Tick16(now_ms - 1000)}));
  }
}

TEST(Recover, TablesAreUsedAsTheyLie) {
  Set set(geometry_of(2, keys), keys);
  fill(set);
  const Old old = read_back(set);
  EXPECT_EQ(old.slots.backends.find("web/b2"), 2u);
  auto tables = tables_in(set.files, set.geometry, keys).value();
  const Report report = adopt(tables, old, now_ms);
  EXPECT_EQ(report.records, clients);
  EXPECT_EQ(report.flow_entries, 2 * clients);
  EXPECT_EQ(report.records_dropped + report.flow_entries_dropped, 0u);
  expect_all_there(tables);
}

struct Change {
  const char* what;
  unsigned workers;
  std::uint64_t records;
  bool other_secret;
  std::uint32_t layout;
};

class Refill : public testing::TestWithParam<Change> {};
INSTANTIATE_TEST_SUITE_P(Recover, Refill,
                         testing::Values(Change{"MoreWorkers", 5, 1000, false, layout_now},
                                         Change{"OneWorker", 1, 1000, false, layout_now},
                                         Change{"OtherLimits", 2, 5000, false, layout_now},
                                         Change{"OtherSecret", 2, 1000, true, layout_now},
                                         Change{"LayoutBefore", 2, 1000, false, layout_now - 1},
                                         Change{"OldestLayout", 2, 1000, false, layout_oldest}),
                         [](const auto& row) { return row.param.what; });

TEST_P(Refill, EntriesGoToNewTables) {
  const Change& change = GetParam();
  Set before(geometry_of(2, keys), keys, some_slots(), change.layout);
  fill(before);
  const auto old = read(before.files, boot, backends_max);
  ASSERT_TRUE(old) << old.error().text;
  hash::Secret secret = hash::fixed_secret();
  secret[3] = static_cast<std::uint8_t>(change.other_secret ? 99 : secret[3]);
  const Keys keys_now = keys_of(secret);
  Set now(geometry_of(change.workers, keys_now, change.records), keys_now);
  EXPECT_EQ(old->geometry == now.geometry, change.layout != layout_now);
  const auto report =
      refill({*now.tables, now.files, now.geometry}, before.files, *old, hash::Owner(change.workers), now_ms);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->records, clients);
  EXPECT_EQ(report->flow_entries, 2 * clients);
  EXPECT_EQ(report->records_dropped + report->flow_entries_dropped, 0u);
  expect_all_there(*now.tables);
}

TEST(Recover, WhatFindsNoRoomIsCounted) {
  Set before(geometry_of(2, keys), keys);
  fill(before);
  const auto old = read(before.files, boot, backends_max).value();
  Set now(Geometry{record::sizes_for(40), flow::sizes_for(40), 1, keys.id}, keys);
  const auto report = refill({*now.tables, now.files, now.geometry}, before.files, old, hash::Owner(1), now_ms);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->records + report->records_dropped, clients);
  EXPECT_LT(report->records, 60u);
  EXPECT_EQ(report->flow_entries + report->flow_entries_dropped, 2 * clients);
  std::uint64_t forward = 0, back = 0;
  now.tables->flows[0].each([&](const auto& key, auto&) {
    ++(key.direction == flow::Direction::forward ? forward : back);
    return flow::Sweep::keep;
  });
  EXPECT_GE(forward, back) << "no back entry without its forward one";
}

/// To the last slot: another number of workers costs no record.
TEST(Recover, AFullRecordTableLosesNothing) {
  Set before(geometry_of(2, keys), keys);
  record::Table& records = before.tables->records;
  for (unsigned n = 0; n < 5000; ++n) {
    const record::Key key = record::source_key(client(n), 32, 64, 0);
    records.claim(key, records.hash(key), BackendSlot(0), 900, record::Share::live);
  }
  const std::uint64_t there = records.stats().live;
  ASSERT_GE(there, 1200u);
  const auto old = read(before.files, boot, backends_max).value();
  Set now(geometry_of(3, keys), keys);
  const auto report = refill({*now.tables, now.files, now.geometry}, before.files, old, hash::Owner(3), now_ms);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->records, there);
  EXPECT_EQ(now.tables->records.counts().of_backend(BackendSlot(0)), there);
}

TEST(Recover, FlowsAreOverAfterALongPause) {
  Set set(geometry_of(1, keys), keys);
  fill(set);
  const auto old = read(set.files, boot, backends_max).value();
  auto tables = tables_in(set.files, set.geometry, keys).value();
  // Their 16-bit clock has gone round: by it they were used a second ago.
  const Report report = adopt(tables, old, now_ms + 65'536'000);
  EXPECT_EQ(report.flow_entries, 0u);
  EXPECT_EQ(report.records, clients);
}

std::string refusal(const Files& files) {
  const auto old = read(files, boot, backends_max);
  return old ? "" : old.error().text;
}

TEST(Recover, SaysWhichFileCannotBeUsed) {
  Set set(geometry_of(2, keys), keys);
  Files files = set.files;
  EXPECT_EQ(refusal(files), "");
  files.names = {};
  EXPECT_THAT(refusal(files), HasSubstr("names is too short"));
  files = set.files;
  files.records = files.records.first(files.records.size() - 1);
  EXPECT_THAT(refusal(files), HasSubstr("records is cut short"));
  files = set.files;
  files.flows.pop_back();
  EXPECT_THAT(refusal(files), HasSubstr("names has a damaged header"));
  files = set.files;
  std::swap(files.flows[0], files.flows[1]);
  EXPECT_THAT(refusal(files), HasSubstr("flows0 belongs to other tables"));
  Set other(geometry_of(2, keys, 2000), keys);
  files = set.files;
  files.records = other.files.records;
  EXPECT_THAT(refusal(files), HasSubstr("records belongs to other tables"));
  set.files.flows[1][30] ^= std::byte{1};
  EXPECT_THAT(refusal(set.files), HasSubstr("flows1 "));
}

/// Sizes that would overflow, signed with a right checksum.
TEST(Recover, HostileSizesAreRefused) {
  for (const std::uint64_t size : {~std::uint64_t{0}, std::uint64_t{1} << 62, std::uint64_t{1} << 40}) {
    for (int field = 0; field < 4; ++field) {
      Set hostile(geometry_of(1, keys), keys);
      Geometry& geometry = hostile.geometry;
      (field == 0   ? geometry.records.narrow_records
       : field == 1 ? geometry.records.wide_records
       : field == 2 ? geometry.flows.narrow_entries
                    : geometry.flows.wide_entries) = size;
      hostile.sign(layout_now);
      EXPECT_NE(refusal(hostile.files), "");
    }
  }
}

}  // namespace
}  // namespace limpet::restart
