#include "record/table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

#include "support.hpp"

namespace limpet::record {
namespace {

using test::key_of;
using test::Memory;
using test::Owned;
using test::sizes_of;

constexpr BackendSlot backend(std::uint32_t n) {
  return BackendSlot(n);
}

class TableOf : public testing::TestWithParam<bool> {
 protected:
  bool wide = GetParam();
};
INSTANTIATE_TEST_SUITE_P(Width, TableOf, testing::Bool(),
                         [](const auto& row) { return row.param ? "wide" : "narrow"; });

/// A table and a std::unordered_map under the same random operations.
class Differential {
 public:
  Differential(bool wide, std::uint64_t records, std::uint64_t keys)
      : wide_(wide), keys_(keys), owned_(sizes_of(wide, records)), random_(keys) {}

  void run(unsigned steps) {
    for (unsigned i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      now_s_ += random_() % 8 == 0 ? 1 : 0;
      step();
      if (i % 500 == 0) {
        compare();
      }
    }
    compare();
  }

 private:
  void step() {
    const std::uint64_t n = random_() % keys_;
    const Key key = key_of(wide_, n);
    const auto hash = table().hash(key);
    const auto to = backend(static_cast<std::uint32_t>(random_() % 1000));
    table().prefetch(key, hash);
    const auto known = shadow_.find(n);
    switch (random_() % 9) {
      case 0:
      case 1:
      case 2:
        claim(n, to);
        break;
      case 3: {
        const bool live = table().confirm(key, hash, now_s_).outcome != Outcome::full;
        if (known == shadow_.end()) {
          EXPECT_FALSE(live);
        } else if (live && known->second.provisional) {
          known->second.provisional = false;
          known->second.used_s = now_s_;
        }
        break;
      }
      case 4: {
        const auto from = random_() % 2 == 0 && known != shadow_.end() ? known->second.backend : backend(1001);
        const bool expected = known != shadow_.end() && known->second.backend == from;
        EXPECT_EQ(table().replace(key, hash, from, to, now_s_), expected);
        if (expected) {
          known->second.backend = to;
          known->second.created_s = now_s_;
          known->second.used_s = now_s_;
        }
        break;
      }
      case 5:
        EXPECT_EQ(table().erase(key, hash), shadow_.erase(n) == 1);
        break;
      case 6:
        table().touch(key, hash, now_s_);
        if (known != shadow_.end()) {
          known->second.used_s = now_s_;
        }
        break;
      case 7:
        sweep();
        break;
      default:
        expect_same(n);
    }
  }

  void claim(std::uint64_t n, BackendSlot to) {
    const Key key = key_of(wide_, n);
    const auto share = random_() % 2 == 0 ? Share::live : Share::provisional;
    const Claim claim = table().claim(key, table().hash(key), to, now_s_, share);
    if (const auto known = shadow_.find(n); known != shadow_.end()) {
      EXPECT_EQ(claim.outcome, Outcome::taken);
      EXPECT_EQ(claim.record, known->second);
      return;
    }
    EXPECT_NE(claim.outcome, Outcome::taken);
    if (claim.evicted) {
      forget_evicted();
    }
    if (claim.outcome == Outcome::claimed) {
      EXPECT_EQ(claim.record, (Record{to, now_s_, now_s_, share == Share::provisional}));
      shadow_[n] = claim.record;
      expect_same(n);
    }
  }

  /// Exactly one record is gone, and it was provisional and past its grace.
  void forget_evicted() {
    std::vector<std::uint64_t> gone;
    for (const auto& [n, record] : shadow_) {
      const Key key = key_of(wide_, n);
      if (!table().find(key, table().hash(key))) {
        EXPECT_TRUE(record.provisional);
        EXPECT_GE(now_s_ - record.created_s, provisional_grace_s);
        gone.push_back(n);
      }
    }
    EXPECT_EQ(gone.size(), 1u);
    for (const auto n : gone) {
      shadow_.erase(n);
    }
  }

  void sweep() {
    std::size_t wanted = 0;
    const auto erased = table().sweep(static_cast<unsigned>(random_() % 4), [&](const Key& key, const Record& record) {
      const std::uint64_t n = number(key);
      EXPECT_EQ(shadow_.at(n), record);
      if (random_() % 4 == 0) {
        shadow_.erase(n);
        ++wanted;
        return Sweep::erase;
      }
      return Sweep::keep;
    });
    EXPECT_EQ(erased, wanted);
  }

  void expect_same(std::uint64_t n) {
    const Key key = key_of(wide_, n);
    const auto found = table().find(key, table().hash(key));
    const auto known = shadow_.find(n);
    ASSERT_EQ(found.has_value(), known != shadow_.end());
    if (found) {
      ASSERT_EQ(*found, known->second);
    }
  }

  void compare() {
    std::size_t provisional = 0;
    std::size_t seen = 0;
    Cursor cursor;
    while (!cursor.done) {
      cursor = table().walk(cursor, 3, [&](const Key& key, const Record& record) {
        EXPECT_EQ(shadow_.at(number(key)), record);
        provisional += record.provisional ? 1u : 0u;
        ++seen;
      });
    }
    const Stats stats = table().stats();
    EXPECT_EQ(seen, shadow_.size());
    EXPECT_EQ(stats.provisional, provisional);
    EXPECT_EQ(stats.live, seen - provisional);
  }

  [[nodiscard]] std::uint64_t number(const Key& key) const { return wide_ ? key.low : key.high - 0x0a000000; }
  Table& table() { return owned_.table; }

  bool wide_;
  std::uint64_t keys_;
  Owned owned_;
  std::mt19937_64 random_;
  std::unordered_map<std::uint64_t, Record> shadow_;
  std::uint32_t now_s_ = 1000;
};

TEST_P(TableOf, agrees_with_a_map) {
  struct Row {
    std::uint64_t records;
    std::uint64_t keys;
  };
  for (const Row row : {Row{4, 8}, Row{16, 100}, Row{100, 60}, Row{1000, 800}, Row{1000, 5000}}) {
    SCOPED_TRACE(testing::Message() << row.records << " records, " << row.keys << " keys");
    Differential(wide, row.records, row.keys).run(20000);
  }
}

TEST_P(TableOf, holds_what_it_advertises) {
  for (const std::uint64_t records : {1000u, 100000u}) {
    Owned owned(sizes_of(wide, records));
    const std::uint64_t capacity = owned.table.stats().capacity;
    EXPECT_GE(capacity, records);
    std::uint64_t stored = 0;
    for (std::uint64_t n = 0; n < records; ++n) {
      const Key key = key_of(wide, n);
      const auto claim = owned.table.claim(key, owned.table.hash(key), backend(1), 1, Share::live);
      stored += claim.outcome == Outcome::claimed ? 1u : 0u;
    }
    EXPECT_GE(stored, records * 999 / 1000);
    EXPECT_EQ(owned.table.stats().live, stored);
  }
}

TEST_P(TableOf, a_full_live_share_refuses_and_keeps_what_it_has) {
  Owned owned(sizes_of(wide, 40));
  std::vector<std::uint64_t> stored;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const Key key = key_of(wide, n);
    const auto claim =
        owned.table.claim(key, owned.table.hash(key), backend(static_cast<std::uint32_t>(n)), 1, Share::live);
    ASSERT_FALSE(claim.evicted);
    if (claim.outcome == Outcome::claimed) {
      stored.push_back(n);
    } else {
      ASSERT_EQ(claim.outcome, Outcome::full);
      ASSERT_FALSE(owned.table.find(key, owned.table.hash(key)));
    }
  }
  EXPECT_EQ(stored.size(), 50u) << "every slot is used";
  for (const auto n : stored) {
    const Key key = key_of(wide, n);
    EXPECT_EQ(owned.table.find(key, owned.table.hash(key))->backend.value(), n);
  }
  const Key key = key_of(wide, 5000);
  const auto hash = owned.table.hash(key);
  ASSERT_EQ(owned.table.claim(key, hash, backend(7), 1, Share::provisional).outcome, Outcome::claimed);
  EXPECT_EQ(owned.table.confirm(key, hash, 2).outcome, Outcome::full);
  EXPECT_TRUE(owned.table.find(key, hash)->provisional) << "it stays where it was";
}

TEST_P(TableOf, provisional_records_put_out_only_each_other) {
  Owned owned(sizes_of(wide, 400));
  for (std::uint64_t n = 0; n < 300; ++n) {
    const Key key = key_of(wide, n);
    ASSERT_EQ(owned.table.claim(key, owned.table.hash(key), backend(1), 100, Share::live).outcome, Outcome::claimed);
  }
  std::uint64_t full = 0;
  std::uint64_t evicted = 0;
  for (std::uint64_t n = 0; n < 5000; ++n) {
    const Key key = key_of(wide, 1000 + n);
    const auto now_s = static_cast<std::uint32_t>(100 + n / 1000);
    const auto claim = owned.table.claim(key, owned.table.hash(key), backend(1), now_s, Share::provisional);
    full += claim.outcome == Outcome::full ? 1u : 0u;
    evicted += claim.evicted ? 1u : 0u;
    ASSERT_EQ(owned.table.find(key, owned.table.hash(key)).has_value(), claim.outcome == Outcome::claimed);
  }
  const Stats stats = owned.table.stats();
  EXPECT_EQ(stats.live, 300u);
  EXPECT_EQ(stats.provisional, 35u) << "7 buckets of 5";
  EXPECT_EQ(full + evicted + stats.provisional, 5000u);
  EXPECT_GT(full, 1000u) << "those of this second stay";
  EXPECT_GT(evicted, 30u);
  for (std::uint64_t n = 0; n < 300; ++n) {
    const Key key = key_of(wide, n);
    EXPECT_TRUE(owned.table.find(key, owned.table.hash(key)));
  }
}

TEST_P(TableOf, one_key_lives_in_one_share) {
  Owned owned(sizes_of(wide, 100));
  const Key key = key_of(wide, 1);
  const auto hash = owned.table.hash(key);
  EXPECT_EQ(owned.table.confirm(key, hash, 1).outcome, Outcome::full);
  ASSERT_EQ(owned.table.claim(key, hash, backend(1), 1, Share::provisional).outcome, Outcome::claimed);
  const auto second = owned.table.claim(key, hash, backend(2), 2, Share::live);
  EXPECT_EQ(second.outcome, Outcome::taken);
  EXPECT_EQ(second.record, (Record{backend(1), 1, 1, true}));
  EXPECT_NE(owned.table.confirm(key, hash, 5).outcome, Outcome::full);
  EXPECT_NE(owned.table.confirm(key, hash, 6).outcome, Outcome::full) << "again";
  EXPECT_EQ(owned.table.find(key, hash), (Record{backend(1), 1, 5, false}));
  EXPECT_EQ(owned.table.claim(key, hash, backend(3), 7, Share::provisional).outcome, Outcome::taken);
  EXPECT_TRUE(owned.table.erase(key, hash));
  EXPECT_FALSE(owned.table.find(key, hash));
}

TEST_P(TableOf, sweep_spares_what_was_used_or_moved_meanwhile) {
  Owned owned(sizes_of(wide, 100));
  for (std::uint64_t n = 0; n < 3; ++n) {
    owned.table.claim(key_of(wide, n), owned.table.hash(key_of(wide, n)), backend(1), 1, Share::live);
  }
  const auto erased =
      owned.table.sweep(static_cast<unsigned>(owned.table.bucket_count()), [&](const Key& key, const Record& record) {
        EXPECT_EQ(record.used_s, 1u);
        const auto hash = owned.table.hash(key);
        if (key == key_of(wide, 0)) {
          owned.table.touch(key, hash, 2);
        } else if (key == key_of(wide, 1)) {
          EXPECT_TRUE(owned.table.replace(key, hash, backend(1), backend(2), 1));
        }
        return Sweep::erase;
      });
  EXPECT_EQ(erased, 1u);
  EXPECT_EQ(owned.table.sweeps_done(), 1u);
  EXPECT_TRUE(owned.table.find(key_of(wide, 0), owned.table.hash(key_of(wide, 0))));
  EXPECT_TRUE(owned.table.find(key_of(wide, 1), owned.table.hash(key_of(wide, 1))));
  EXPECT_FALSE(owned.table.find(key_of(wide, 2), owned.table.hash(key_of(wide, 2))));
}

TEST(Table, memory_is_checked) {
  const Sizes sizes{1000, 1000};
  const Memory memory(sizes);
  EXPECT_THAT(Table::create(memory.span().first(memory.bytes - 1), sizes, {}).error().text,
              testing::HasSubstr("needs"));
  EXPECT_THAT(Table::create({memory.span().data() + 8, memory.bytes}, sizes, {}).error().text,
              testing::HasSubstr("64"));
  EXPECT_FALSE(Table::create(memory.span(), {0, 1ULL << 40}, {}));
}

TEST(Table, advertised_bytes) {
  constexpr std::uint64_t records = 1000000;
  EXPECT_LE(Table::bytes_needed({records, 0}), records * (32 + 2) + 512);
  EXPECT_LE(Table::bytes_needed({0, records}), records * (48 + 3) + 512);
  EXPECT_LE(Table::bytes_needed(sizes_for(records)), records * 47);
  Owned owned({records, 0});
  EXPECT_EQ(owned.table.stats().capacity, records + 4) << "the empty wide share has one bucket";
}

// The header's version returns to 0 without touching the tags.
TEST(Header, version_wraps_inside_its_bits) {
  std::uint64_t word = header::version_mask | 0x1122334455000000ULL;
  word = header::with_tag(word, 0, 0x66);
  EXPECT_EQ(word, 0x1122334466000000ULL);
  word = header::with_tag(word | header::held, 4, 0);
  EXPECT_EQ(word, 0x0022334466000000ULL | header::version_one | header::held);
  EXPECT_EQ(header::used_slots(word), 4u);
}

/// For who no longer knows its key.
TEST_P(TableOf, TellsWhereARecordLies) {
  Owned owned(sizes_of(wide, 1000));
  Table& table = owned.table;
  const auto claim = [&](std::uint32_t n, Share share) {
    const Key key = key_of(wide, n);
    table.claim(key, table.hash(key), backend(1), 100, share);
    return key;
  };
  for (std::uint32_t n = 1; n < 500; ++n) {
    const Key key = claim(n, Share::live);
    const std::uint32_t place = table.place_of(key, table.hash(key));
    ASSERT_NE(place, Table::nowhere);
    table.touch_at(place, 100 + n);
    EXPECT_EQ(table.find(key, table.hash(key))->used_s, 100 + n);
  }
  for (std::uint32_t n = 1; n < 500; ++n) {
    const Key key = key_of(wide, n);
    EXPECT_EQ(table.find(key, table.hash(key))->used_s, 100 + n) << "another one was meant";
  }
  const Key gone = key_of(wide, 7), provisional = claim(600, Share::provisional);
  const std::uint32_t place = table.place_of(gone, table.hash(gone));
  EXPECT_TRUE(table.erase(gone, table.hash(gone)));
  table.touch_at(place, 9999);
  EXPECT_EQ(table.place_of(gone, table.hash(gone)), Table::nowhere);
  EXPECT_EQ(table.place_of(provisional, table.hash(provisional)), Table::nowhere);
  table.touch_at(Table::nowhere, 9999);
  table.touch_at(0x7fffffff, 9999);
  table.touch_at(0xffffffff, 9999);
  EXPECT_EQ(table.find(provisional, table.hash(provisional))->used_s, 100u);
}

}  // namespace
}  // namespace limpet::record
