// What joins the two sides of spliced connections, over a restart: as it lies, with other workers, and from files that
// cannot be used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace limpet::restart {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr unsigned connections = 300;

Geometry with_spliced(unsigned workers, const Keys& of, std::uint64_t room = 1000) {
  Geometry geometry = geometry_of(workers, of);
  geometry.spliced_bytes = splice::Table::bytes_needed(room);
  return geometry;
}

splice::ConnectionKey key_of(unsigned n) {
  return {net::IpAddress::v4(0x0a000000 + n), static_cast<std::uint16_t>(1024 + n), 0};
}

record::Key record_of(unsigned n) {
  return {n, 0, 0, false};
}

void fill(Set& set) {
  const hash::Owner owner(set.geometry.workers);
  for (unsigned n = 0; n < connections; ++n) {
    splice::Entry* const entry = set.tables->spliced[owner.owner(key_of(n).client)].insert(key_of(n));
    ASSERT_NE(entry, nullptr);
    entry->join({.difference = n, .own = n + 7, .shift_in = 2, .shift_out = -7, .blanks_sack = n % 2 == 0});
    const record::Key record = record_of(n);
    record::Table& records = set.tables->records;
    records.claim(record, records.hash(record), BackendSlot(0), now_ms / 1000, record::Share::live);
    set.tables->spliced[owner.owner(key_of(n).client)].set_record(*entry,
                                                                  records.place_of(record, records.hash(record)));
  }
}

/// `places`: of their sessions' records, too.
void expect_all_there(Tables& tables, bool places) {
  const hash::Owner owner(static_cast<unsigned>(tables.spliced.size()));
  for (unsigned n = 0; n < connections; ++n) {
    const splice::Entry* const entry = tables.spliced[owner.owner(key_of(n).client)].find(key_of(n));
    ASSERT_NE(entry, nullptr) << n;
    EXPECT_EQ(entry->difference, n);
    EXPECT_EQ(entry->waiting, n + 7);
    EXPECT_TRUE(entry->shift_in == 2 && entry->shift_out() == -7 && entry->blanks_sack == (n % 2 == 0));
    EXPECT_EQ(entry->own_mark, splice::Entry::mark_of(n + 7));
    const std::uint32_t place = tables.spliced[owner.owner(key_of(n).client)].record_of(*entry);
    EXPECT_EQ(tables.records.key_at(place), places ? std::optional(record_of(n)) : std::nullopt);
  }
}

/// `set`, whose daemon has died, put into fresh tables.
Report refill_into(Set& fresh, Set& set) {
  const auto old = read(set.files, boot, backends_max);
  EXPECT_TRUE(old) << old.error().text;
  EXPECT_FALSE(old->geometry == fresh.geometry);
  return refill({*fresh.tables, fresh.files, fresh.geometry}, set.files, *old, hash::Owner(fresh.geometry.workers),
                now_ms)
      .value();
}

std::string refusal(const Files& files) {
  const auto old = read(files, boot, backends_max);
  return old ? "" : old.error().text;
}

TEST(RecoverSpliced, as_it_lies) {
  Set set(with_spliced(2, keys), keys);
  fill(set);
  const Old old = read_back(set);
  auto tables = tables_in(set.files, set.geometry, keys).value();
  EXPECT_EQ(adopt(tables, old, now_ms).spliced, connections);
  expect_all_there(tables, true);
}

TEST(RecoverSpliced, with_others) {
  hash::Secret other{};
  other.fill(7);
  for (const unsigned workers : {1u, 2u, 5u}) {
    Set set(with_spliced(2, keys), keys);
    fill(set);
    Set fresh(with_spliced(workers, keys_of(other), 3000), keys_of(other));
    EXPECT_EQ(refill_into(fresh, set).spliced, connections);
    expect_all_there(*fresh.tables, true);
  }
}

TEST(RecoverSpliced, with_other_workers) {
  Set set(with_spliced(2, keys), keys);
  fill(set);
  Set fresh(with_spliced(3, keys), keys);
  EXPECT_EQ(refill_into(fresh, set).spliced, connections);
  expect_all_there(*fresh.tables, true);
}

/// Without places of records; in 4 bytes 28 to 31 of an entry were one each: phase, shifts, flags.
class RecoverLayout : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Before, RecoverLayout, testing::Values(4u, 5u), testing::PrintToStringParamName());

TEST_P(RecoverLayout, keeps_what_joins_connections) {
  Geometry geometry = with_spliced(2, keys);
  geometry.spliced_bytes = geometry.spliced_bytes / 144 * 128;
  Set set(geometry, keys, some_slots(), GetParam());
  fill(set);
  for (splice::Table& table : set.tables->spliced) {
    table.each([](splice::Entry& entry) {
      if (GetParam() != 4) {
        return;
      }
      const std::array<std::uint8_t, 4> bits{3, 2, static_cast<std::uint8_t>(-7),
                                             static_cast<std::uint8_t>(entry.blanks_sack)};
      std::memcpy(reinterpret_cast<std::uint8_t*>(&entry) + 28, bits.data(), bits.size());
    });
  }
  Set fresh(with_spliced(2, keys), keys);
  const auto old = read(set.files, boot, backends_max);
  ASSERT_TRUE(old) << old.error().text;
  EXPECT_EQ(refill({*fresh.tables, fresh.files, fresh.geometry}, set.files, *old, hash::Owner(2), now_ms)->spliced,
            connections);
  expect_all_there(*fresh.tables, false);
}

TEST(RecoverSpliced, where_one_side_has_no_files) {
  Set with(with_spliced(2, keys), keys);
  fill(with);
  Set without(geometry_of(2, keys), keys);
  EXPECT_EQ(refill_into(without, with).spliced, 0u);
  Set fresh(with_spliced(2, keys), keys);
  EXPECT_EQ(refill_into(fresh, without).spliced, 0u);
  EXPECT_EQ(fresh.tables->spliced[0].used() + fresh.tables->spliced[1].used(), 0u);
}

TEST(RecoverSpliced, nothing_that_makes_no_sense) {
  Set set(with_spliced(1, keys), keys);
  splice::Table& table = set.tables->spliced[0];
  const auto put = [&](unsigned n, splice::Joint joint) {
    splice::Entry* const entry = table.insert(key_of(n));
    entry->join(joint);
    return entry;
  };
  put(0, {});
  put(1, {.shift_in = 15});
  put(2, {.shift_out = -15});
  put(3, {})->replying = true;
  put(6, {.later = 1})->edited = true;
  static_cast<void>(table.insert(key_of(4)));
  splice::ConnectionKey foreign = key_of(5);
  foreign.listener = 9;  // nobody's
  table.insert(foreign)->join({});
  const auto old = read(set.files, boot, backends_max);
  ASSERT_TRUE(old) << old.error().text;
  auto tables = tables_in(set.files, set.geometry, keys).value();
  EXPECT_EQ(adopt(tables, *old, now_ms).spliced, 1u);
  EXPECT_NE(tables.spliced[0].find(key_of(0)), nullptr);
}

TEST(RecoverSpliced, not_from_files_of_other_sets) {
  Set set(with_spliced(2, keys), keys);
  EXPECT_EQ(refusal(set.files), "");
  Files files = set.files;
  files.spliced.pop_back();
  EXPECT_THAT(refusal(files), HasSubstr("spliced1 is missing"));
  files = set.files;
  std::swap(files.spliced[0], files.spliced[1]);
  EXPECT_THAT(refusal(files), HasSubstr("spliced0 belongs to other tables"));
  files = set.files;
  files.spliced[1] = files.spliced[1].first(files.spliced[1].size() - 128);
  EXPECT_THAT(refusal(files), HasSubstr("spliced1 is cut short"));
  set.files.spliced[1][20] ^= std::byte{1};
  EXPECT_THAT(refusal(set.files), HasSubstr("spliced1 has a damaged header"));
  Set odd(with_spliced(2, keys), keys);
  odd.files.spliced[0] = odd.files.spliced[0].first(odd.files.spliced[0].size() - 64);
  odd.files.spliced[1] = odd.files.spliced[1].first(odd.files.spliced[1].size() - 64);
  odd.sign(layout_now);
  EXPECT_THAT(refusal(odd.files), HasSubstr("spliced0 has a damaged header"));
}

}  // namespace
}  // namespace limpet::restart
