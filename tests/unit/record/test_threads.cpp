// Several threads on one table. Run under ThreadSanitizer as well.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "record/table.hpp"
#include "support.hpp"

namespace limpet::record {
namespace {

using test::key_of;
using test::Owned;

template <class F>
void on_threads(unsigned count, F&& f) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i) {
    threads.emplace_back([&f, i] { f(i); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
}

class Threads : public testing::TestWithParam<bool> {
 protected:
  bool wide = GetParam();
};
INSTANTIATE_TEST_SUITE_P(Width, Threads, testing::Bool(),
                         [](const auto& row) { return row.param ? "wide" : "narrow"; });

// Contract: connections of a new client that arrive at once on several workers reach one backend.
TEST_P(Threads, claims_of_one_fresh_key_agree) {
  constexpr unsigned threads = 4;
  constexpr unsigned rounds = 3000;
  constexpr unsigned keys_a_round = 8;
  Owned owned({1u << 15, 1u << 15});
  std::vector<std::vector<std::uint32_t>> got(threads, std::vector<std::uint32_t>(rounds * keys_a_round));
  std::atomic<unsigned> claimed{0};
  std::barrier start(threads);
  on_threads(threads, [&](unsigned self) {
    for (unsigned round = 0; round < rounds; ++round) {
      start.arrive_and_wait();
      for (unsigned i = 0; i < keys_a_round; ++i) {
        const unsigned n = round * keys_a_round + (self % 2 == 0 ? i : keys_a_round - 1 - i);
        const Key key = key_of(wide, n);
        const auto share = (n + self) % 2 == 0 ? Share::provisional : Share::live;
        const auto claim = owned.table.claim(key, owned.table.hash(key), BackendSlot(self), round * 11, share);
        claimed += claim.outcome == Outcome::claimed ? 1u : 0u;
        // Some confirm at once what others still claim.
        const bool live =
            self == 1 && owned.table.confirm(key, owned.table.hash(key), round * 11).outcome != Outcome::full;
        got[self][n] = claim.outcome == Outcome::full ? 99 : claim.record.backend.value();
        ASSERT_TRUE(live || self != 1 || claim.outcome == Outcome::full);
      }
    }
  });
  unsigned full = 0;
  for (unsigned n = 0; n < rounds * keys_a_round; ++n) {
    for (unsigned self = 1; self < threads; ++self) {
      if (got[self][n] == 99 || got[0][n] == 99) {
        ++full;
        continue;
      }
      ASSERT_EQ(got[self][n], got[0][n]) << n;
    }
  }
  EXPECT_EQ(full, 0u);
  EXPECT_EQ(claimed, rounds * keys_a_round);
}

/// A record whose fields follow from one number and the key: a mixture of two is seen at once.
BackendSlot backend_for(std::uint64_t key, std::uint32_t made_s) {
  return BackendSlot(static_cast<std::uint32_t>(key * 131 + made_s * 7) & 0xfffff);
}

// A few keys in fewer slots than there are keys, so that slots change hands all the time.
TEST_P(Threads, readers_never_see_a_torn_record) {
  constexpr std::uint64_t keys = 64;
  Owned owned({8, 8});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> hits{0};
  const auto check = [&](std::uint64_t n, const Record& record) {
    ASSERT_EQ(record.backend, backend_for(n, record.created_s));
    ASSERT_GE(record.used_s, record.created_s - 1) << "used with the record, or by a touch after";
    ++hits;
  };
  const auto write = [&](unsigned self) {
    std::mt19937_64 random(self);
    for (std::uint32_t i = 1; i < 60000; ++i) {
      const std::uint64_t n = random() % keys;
      const Key key = key_of(wide, n);
      const auto hash = owned.table.hash(key);
      const std::uint32_t now_s = 1000 + i / 100;
      switch (random() % 5) {
        case 0:
        case 1:
          owned.table.claim(key, hash, backend_for(n, now_s), now_s,
                            random() % 2 == 0 ? Share::live : Share::provisional);
          break;
        case 2:
          owned.table.erase(key, hash);
          break;
        case 3:
          owned.table.confirm(key, hash, 1u << 20);
          break;
        default:
          owned.table.touch(key, hash, 1u << 20);
      }
    }
  };
  const auto read = [&](unsigned self) {
    std::mt19937_64 random(self);
    while (!stop) {
      const std::uint64_t n = random() % keys;
      const Key key = key_of(wide, n);
      if (const auto record = owned.table.find(key, owned.table.hash(key))) {
        check(n, *record);
      }
      static_cast<void>(owned.table.walk({}, 8, [&](const Key& seen, const Record& record) {
        check(wide ? seen.low : seen.high - 0x0a000000, record);
      }));
    }
  };
  std::vector<std::thread> readers;
  for (unsigned i = 0; i < 2; ++i) {
    readers.emplace_back(read, 100 + i);
  }
  on_threads(2, write);
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_GT(hits, 0u);
}

// One slot given from key to key as fast as can be, by erasure or by eviction, under the eyes of a reader.
TEST_P(Threads, a_slot_that_changes_hands_is_read_whole) {
  for (const bool evict : {false, true}) {
    Owned owned({1, 1});
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      for (std::uint32_t i = 1; i < 200000; ++i) {
        const std::uint64_t n = i % 8;
        const std::uint32_t now_s = i * provisional_grace_s;
        const Key key = key_of(wide, n);
        const auto hash = owned.table.hash(key);
        const auto share = evict ? Share::provisional : Share::live;
        EXPECT_EQ(owned.table.claim(key, hash, backend_for(n, now_s), now_s, share).outcome, Outcome::claimed);
        EXPECT_TRUE(evict || owned.table.erase(key, hash));
      }
      stop = true;
    });
    const auto check = [](std::uint64_t n, const Record& record) {
      ASSERT_EQ(record.backend, backend_for(n, record.created_s));
      ASSERT_EQ(record.used_s, record.created_s);
    };
    while (!stop && !HasFatalFailure()) {
      static_cast<void>(owned.table.walk({}, 8, [&](const Key& seen, const Record& record) {
        check(wide ? seen.low : seen.high - 0x0a000000, record);
      }));
      const Key key = key_of(wide, 5);
      if (const auto record = owned.table.find(key, owned.table.hash(key))) {
        check(5, *record);
      }
    }
    writer.join();
  }
}

// Claims, confirmations, moves, touches, erasures and a sweeper together: counts and content fit in the end.
TEST_P(Threads, everything_at_once_leaves_a_sound_table) {
  constexpr std::uint64_t keys = 300;
  Owned owned({200, 200});
  std::atomic<bool> stop{false};
  std::thread sweeper([&] {
    std::uint32_t turn = 0;
    while (!stop) {
      owned.table.sweep(4, [&](const Key&, const Record&) { return ++turn % 7 == 0 ? Sweep::erase : Sweep::keep; });
    }
  });
  on_threads(3, [&](unsigned self) {
    std::mt19937_64 random(self);
    for (std::uint32_t i = 0; i < 40000; ++i) {
      const Key key = key_of(wide, random() % keys);
      const auto hash = owned.table.hash(key);
      const std::uint32_t now_s = i / 50;
      switch (random() % 6) {
        case 0:
          owned.table.claim(key, hash, BackendSlot(self), now_s, Share::provisional);
          break;
        case 1:
          owned.table.claim(key, hash, BackendSlot(self), now_s, Share::live);
          break;
        case 2:
          owned.table.confirm(key, hash, now_s);
          break;
        case 3:
          owned.table.replace(key, hash, BackendSlot(self), BackendSlot((self + 1) % 3), now_s);
          break;
        case 4:
          owned.table.touch(key, hash, now_s);
          break;
        default:
          owned.table.erase(key, hash);
      }
    }
  });
  stop = true;
  sweeper.join();
  std::vector<unsigned> seen(keys);
  std::uint64_t total = 0;
  static_cast<void>(owned.table.walk({}, 1u << 20, [&](const Key& key, const Record& record) {
    ++seen.at(wide ? key.low : key.high - 0x0a000000);
    EXPECT_LT(record.backend.value(), 3u);
    EXPECT_EQ(owned.table.find(key, owned.table.hash(key)), record);
    ++total;
  }));
  for (const unsigned count : seen) {
    EXPECT_LE(count, 1u) << "a key in two places";
  }
  EXPECT_EQ(owned.table.stats().live + owned.table.stats().provisional, total);
}

}  // namespace
}  // namespace limpet::record
