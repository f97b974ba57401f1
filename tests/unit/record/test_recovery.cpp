// Tables made of memory that another process has left: whole, half-written, damaged, hostile.
#include "record/recovery.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "support.hpp"

namespace limpet::record {
namespace {

using test::key_of;
using test::Memory;
using test::Owned;

constexpr std::uint32_t now_s = 1000;
constexpr hash::Key seed = {11, 22};  // of test::Owned

Known all_known() {
  return {std::vector<bool>(16, true), std::vector<bool>(16, true), now_s};
}

class Recovery : public testing::TestWithParam<bool> {
 protected:
  bool wide = GetParam();
  Sizes sizes{1000, 1000};
  Owned owned{sizes};
  Table again() { return Table::create(owned.memory.span(), sizes, seed).value(); }
  void put(std::uint64_t n, unsigned backend, Share share = Share::live, std::uint32_t at_s = 900) {
    const Key key = key_of(wide, n);
    EXPECT_EQ(owned.table.claim(key, owned.table.hash(key), BackendSlot(backend), at_s, share).outcome,
              Outcome::claimed);
  }
  std::uint64_t* word_of(std::uint64_t header_or_word) {
    return static_cast<std::uint64_t*>(static_cast<void*>(owned.memory.span().data())) + header_or_word;
  }
};
INSTANTIATE_TEST_SUITE_P(Width, Recovery, testing::Bool(),
                         [](const auto& row) { return row.param ? "wide" : "narrow"; });

std::optional<Record> find(const Table& table, const Key& key) {
  return table.find(key, table.hash(key));
}

TEST_P(Recovery, keeps_all_that_is_whole_and_counts_it) {
  for (unsigned n = 0; n < 500; ++n) {
    put(n, n % 3);
  }
  put(1000, 5, Share::provisional);
  Table table = again();
  const Recovered recovered = adopt(table, all_known());
  EXPECT_EQ(recovered.kept, 501u);
  EXPECT_EQ(recovered.dropped, 0u);
  EXPECT_EQ(table.stats().live, 500u);
  EXPECT_EQ(table.stats().provisional, 1u);
  EXPECT_EQ(table.counts().of_backend(BackendSlot(1)), 167u);
  EXPECT_EQ(table.counts().of_backend(BackendSlot(5)), 0u) << "provisional ones count for nobody";
  EXPECT_EQ(table.counts().of_scope(3), 500u);
  for (unsigned n = 0; n < 500; ++n) {
    ASSERT_TRUE(find(table, key_of(wide, n)));
    EXPECT_EQ(find(table, key_of(wide, n))->backend, BackendSlot(n % 3));
  }
}

TEST_P(Recovery, lets_held_headers_go) {
  put(1, 2);
  for (std::size_t at = 0; at < owned.memory.span().size(); at += 128) {
    *word_of(at / 8) |= wide && at % 192 != 0 ? 0 : header::held;  // of narrow buckets, and some words of wide ones
  }
  Table table = again();
  adopt(table, all_known());
  const Key key = key_of(false, 77);
  EXPECT_EQ(table.claim(key, table.hash(key), BackendSlot(1), now_s, Share::live).outcome, Outcome::claimed)
      << "or it would hang";
}

TEST_P(Recovery, drops_what_cannot_be) {
  put(1, 2);
  put(2, 20);                         // a backend that nobody holds
  put(3, 2, Share::live, now_s + 1);  // of the future
  Key stranger = key_of(wide, 4);
  stranger.scope = 20 | (stranger.scope & scope_v4);
  EXPECT_EQ(owned.table.claim(stranger, owned.table.hash(stranger), BackendSlot(1), 900, Share::live).outcome,
            Outcome::claimed);
  Table table = again();
  const Recovered recovered = adopt(table, all_known());
  EXPECT_EQ(recovered.kept, 1u);
  EXPECT_EQ(recovered.dropped, 3u);
  EXPECT_TRUE(find(table, key_of(wide, 1)));
  EXPECT_FALSE(find(table, stranger));
  EXPECT_EQ(table.counts().of_scope(3), 1u);
}

/// confirm() was killed between the two shares.
TEST_P(Recovery, of_two_shares_the_live_one_counts) {
  put(1, 2, Share::provisional);
  const Key key = key_of(wide, 1);
  Memory before(sizes);
  std::memcpy(before.span().data(), owned.memory.span().data(), before.bytes);
  EXPECT_EQ(owned.table.confirm(key, owned.table.hash(key), 901).outcome, Outcome::claimed);
  std::size_t merged = 0;  // what confirm() emptied is put back
  for (std::size_t at = 0; at < before.bytes; ++at) {
    auto& byte = owned.memory.span()[at];
    if (byte == std::byte{0} && before.span()[at] != std::byte{0}) {
      byte = before.span()[at];
      ++merged;
    }
  }
  ASSERT_GT(merged, 0u);
  Table table = again();
  EXPECT_EQ(adopt(table, all_known()).kept, 1u);
  EXPECT_EQ(table.stats().provisional, 0u);
  EXPECT_FALSE(find(table, key)->provisional);
}

TEST_P(Recovery, any_bytes_give_a_whole_table) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    for (unsigned n = 0; n < 700; ++n) {
      const Key key = key_of(wide, random() % 1000);
      owned.table.claim(key, owned.table.hash(key), BackendSlot(n % 20), 900,
                        n % 8 == 0 ? Share::provisional : Share::live);
    }
    const auto bytes = owned.memory.span();
    for (int i = 0; i < (round < 10 ? 200 : 50'000); ++i) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    Table table = again();
    const Recovered recovered = adopt(table, all_known());
    std::uint64_t seen = 0, lasting = 0;
    static_cast<void>(table.walk({}, ~0u, [&](const Key& key, const Record& record) {
      ++seen;
      lasting += record.provisional ? 0 : 1;
      const auto found = find(table, key);
      ASSERT_TRUE(found);
      EXPECT_EQ(*found, record);
    }));
    EXPECT_EQ(seen, recovered.kept);
    EXPECT_EQ(table.stats().live, lasting);
    std::uint64_t counted = 0;
    for (std::uint32_t backend = 0; backend < 16; ++backend) {
      counted += table.counts().of_backend(BackendSlot(backend));
    }
    EXPECT_EQ(counted, lasting);
  }
}

TEST_P(Recovery, records_go_over_to_another_table) {
  for (unsigned n = 0; n < 500; ++n) {
    put(n, n % 3, n % 50 == 0 ? Share::provisional : Share::live);
  }
  Memory memory({900, 600});
  Table to = Table::create(memory.span(), {900, 600}, {5, 6}).value();
  const Recovered recovered = refill(to, again(), all_known(), false);
  EXPECT_EQ(recovered.kept, 500u);
  EXPECT_EQ(to.stats().provisional, 10u);
  for (unsigned n = 0; n < 500; ++n) {
    EXPECT_EQ(find(to, key_of(wide, n)), find(owned.table, key_of(wide, n)));
  }
}

/// Other hashes fall otherwise: where the buckets of a key are full, others' records make room.
TEST_P(Recovery, a_full_table_goes_over_whole) {
  const Sizes large{20'000, 20'000};
  for (std::uint64_t round = 1; round <= 5; ++round) {
    Owned full(large);
    std::uint64_t stored = 0;
    for (std::uint64_t n = 0, refused = 0; refused < 20; ++n) {
      const Key key = key_of(wide, round << 32 | n);
      const auto claim =
          full.table.claim(key, full.table.hash(key), BackendSlot(static_cast<std::uint32_t>(n % 7)), 900, Share::live);
      ++(claim.outcome == Outcome::claimed ? stored : refused);
    }
    EXPECT_GT(stored, large.narrow_records) << "more than is promised";
    Memory memory(large);
    Table to = Table::create(memory.span(), large, {round, 6}).value();
    const Recovered recovered = refill(to, full.table, all_known(), false);
    EXPECT_EQ(recovered.kept, stored);
    EXPECT_EQ(recovered.dropped, 0u);
    EXPECT_EQ(to.stats().live, stored);
    std::uint64_t counted = 0;
    for (std::uint32_t backend = 0; backend < 7; ++backend) {
      EXPECT_EQ(to.counts().of_backend(BackendSlot(backend)), full.table.counts().of_backend(BackendSlot(backend)));
      counted += to.counts().of_backend(BackendSlot(backend));
    }
    EXPECT_EQ(counted, stored);
    static_cast<void>(full.table.walk(
        {}, ~0u, [&](const Key& key, const Record& record) { EXPECT_EQ(find(to, key), std::optional(record)); }));
  }
}

/// The layout before this one had no homes: the word's upper half was the backend's slot.
TEST_P(Recovery, the_layout_before_is_read) {
  const Key key = key_of(wide, 1);
  const std::uint64_t made_word = std::uint64_t{2} << 32 | 900;
  EXPECT_EQ(made::word(BackendSlot(2), at_home, 900), made_word);
  put(1, 2);
  put(2, 2);
  const Key other = key_of(wide, 2);
  EXPECT_TRUE(owned.table.replace(other, owned.table.hash(other), BackendSlot(2), BackendSlot(3), 901, 5));
  Memory memory(sizes);
  Table to = Table::create(memory.span(), sizes, {5, 6}).value();
  EXPECT_EQ(refill(to, again(), all_known(), true).kept, 1u) << "what looks like a home is damage";
  EXPECT_EQ(find(to, key), (Record{BackendSlot(2), 900, 900, false, at_home}));
}

}  // namespace
}  // namespace limpet::record
