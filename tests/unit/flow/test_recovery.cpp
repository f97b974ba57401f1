// Tables made of memory that another process has left: whole, half-written, damaged, hostile.
#include "flow/recovery.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace limpet::flow {
namespace {

constexpr hash::Key seed = {11, 22};
constexpr Sizes sizes = {4096, 1024};
constexpr Tick16 now = Tick16::from_raw(100);
constexpr std::uint32_t client0 = 0x0a000000;

struct Owned {
  explicit Owned(hash::Key key = seed, Sizes of = sizes)
      : memory(static_cast<std::byte*>(std::aligned_alloc(64, Table::bytes_needed(of))), &std::free),
        bytes(memory.get(), Table::bytes_needed(of)),
        table((std::memset(memory.get(), 0, bytes.size()), Table::create(bytes, of, key).value())) {}
  /// Another process's view of the same memory.
  [[nodiscard]] Table again() const { return Table::create(bytes, sizes, seed).value(); }
  std::unique_ptr<std::byte, decltype(&std::free)> memory;
  std::span<std::byte> bytes;
  Table table;
};

Known all_known() {
  Known known;
  known.listeners.assign(16, true);
  known.backends.assign(16, true);
  known.endpoints.assign(16, true);
  known.now = now;
  return known;
}

Value value(std::uint32_t peer, State state = State::established, std::uint16_t used = 90) {
  return {peer, state, 0, Tick16::from_raw(used)};
}

NarrowKey forward(std::uint32_t n) {
  return {client0 + n, 1024, 1, Direction::forward};
}
NarrowKey back(std::uint32_t n) {
  return {client0 + n, 1024, 2, Direction::back};
}
WideKey wide_forward(std::uint32_t n) {
  return {net::IpAddress::v4(client0 + n), net::IpAddress::v4(1), 5000, 80, 3, Direction::forward};
}
WideKey wide_back(std::uint32_t n) {
  return {net::IpAddress::v4(client0 + n), {}, 7000, 0, 4, Direction::back};
}

template <class Key>
Entry<Key>* put(Table& table, const Key& key, const Value& value, const Carried& carried = {}) {
  return table.insert(key, table.hash(key), value, carried);
}
template <class Key>
Entry<Key>* get(Table& table, const Key& key) {
  return table.find(key, table.hash(key));
}

/// A narrow NAT flow and one with any port and a rewritten one, both ways.
void put_pair(Table& table, std::uint32_t n) {
  put(table, back(n), value(1));
  put(table, forward(n), value(7));
  put(table, wide_back(n), value(3), {net::IpAddress::v4(1), 80, 5000});
  put(table, wide_forward(n), value(7), {net::IpAddress::v4(1), 80, 7000});
}

TEST(FlowRecovery, KeepsAllThatIsWhole) {
  Owned owned;
  for (std::uint32_t n = 0; n < 200; ++n) {
    put_pair(owned.table, n);
  }
  put(owned.table, forward(999), value(5, State::embryonic));
  Table again = owned.again();
  const Recovered recovered = adopt(again, all_known());
  EXPECT_EQ(recovered.kept, 801u);
  EXPECT_EQ(recovered.dropped, 0u);
  EXPECT_EQ(again.stats().live_narrow, 400u);
  EXPECT_EQ(again.stats().live_wide, 400u);
  EXPECT_EQ(again.stats().embryonic, 1u);
  for (std::uint32_t n = 0; n < 200; ++n) {
    ASSERT_NE(get(again, forward(n)), nullptr);
    EXPECT_EQ(get(again, forward(n))->peer(), 7u);
    ASSERT_NE(get(again, wide_back(n)), nullptr);
    EXPECT_EQ(get(again, wide_back(n))->carried().translated_port, 5000);
  }
}

TEST(FlowRecovery, DropsWhatCannotBe) {
  Owned owned;
  Table& table = owned.table;
  put_pair(table, 0);
  put(table, NarrowKey{client0, 1, 20, Direction::forward}, value(1));          // a listener that nobody holds
  put(table, NarrowKey{client0, 2, 1, Direction::forward}, value(20));          // a backend that nobody holds
  put(table, NarrowKey{client0, 3, 20, Direction::back}, value(1));             // an endpoint ...
  put(table, NarrowKey{client0, 4, 1, Direction::forward}, value(1, {}, 101));  // of the future
  put(table, NarrowKey{client0, 5, 1, Direction::forward}, value(1))->set_state(static_cast<State>(5));
  put(table, NarrowKey{client0, 6, 2, Direction::back}, value(1));  // alone
  put(table, WideKey{net::IpAddress::v4(9), {}, 7000, 0, 4, Direction::back}, value(3));
  Table again = owned.again();
  const Recovered recovered = adopt(again, all_known());
  EXPECT_EQ(recovered.kept, 4u);
  EXPECT_EQ(recovered.dropped, 7u);
  EXPECT_NE(get(again, forward(0)), nullptr);
}

/// An entry that make_room() or promote() was moving is there twice.
TEST(FlowRecovery, KeepsOneOfTwo) {
  Owned owned;
  put_pair(owned.table, 0);
  const auto* entry = get(owned.table, forward(0));
  const auto* bytes = static_cast<const std::byte*>(static_cast<const void*>(entry));
  // Everywhere at once: of many places two are its buckets, all others are wrong.
  for (std::size_t at = 48; at < Table::bytes_needed({sizes.narrow_entries, 0}) / 2; at += 64) {
    std::memcpy(owned.bytes.data() + at, bytes, sizeof *entry);
  }
  Table again = owned.again();
  const Recovered recovered = adopt(again, all_known());
  EXPECT_EQ(recovered.kept, 4u);
  EXPECT_GT(recovered.dropped, 500u);
  EXPECT_TRUE(again.erase(forward(0), again.hash(forward(0))));
  EXPECT_EQ(get(again, forward(0)), nullptr);
}

TEST(FlowRecovery, OfTwoSharesTheLiveOneCounts) {
  Owned owned;
  put(owned.table, forward(0), value(7, State::embryonic));
  put(owned.table, forward(0), value(7, State::established));  // as promote() does, before it erases
  Table again = owned.again();
  EXPECT_EQ(adopt(again, all_known()).kept, 1u);
  EXPECT_EQ(again.stats().embryonic, 0u);
  EXPECT_EQ(get(again, forward(0))->state(), State::established);
}

/// Whatever the bytes: afterwards every entry is where it is looked for, and the counts are right.
TEST(FlowRecovery, AnyBytesGiveAWholeTable) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 20; ++round) {
    Owned owned;
    for (std::uint32_t n = 0; n < 500; ++n) {
      put_pair(owned.table, n);
    }
    for (int i = 0; i < (round < 10 ? 2000 : 200'000); ++i) {
      owned.bytes[random() % owned.bytes.size()] = static_cast<std::byte>(random() % 3 == 0 ? 0 : random());
    }
    Table again = owned.again();
    const Recovered recovered = adopt(again, all_known());
    std::uint64_t seen = 0;
    again.each([&](const auto& key, auto& entry) {
      ++seen;
      EXPECT_EQ(get(again, key), &entry);
      return Sweep::keep;
    });
    EXPECT_EQ(seen, recovered.kept);
    const Stats stats = again.stats();
    EXPECT_EQ(stats.live_narrow + stats.live_wide + stats.embryonic, seen);
  }
}

TEST(FlowRecovery, EntriesGoOverToAnotherTable) {
  Owned from;
  for (std::uint32_t n = 0; n < 300; ++n) {
    put_pair(from.table, n);
  }
  Owned to({33, 44}, {2000, 1000});
  std::uint64_t restored = 0;
  for (int twice = 0; twice < 2; ++twice) {
    static_cast<void>(from.again().walk({}, ~0u, [&](const auto& key, const auto& entry) {
      restored += restore(to.table, all_known(), key, entry) ? 1 : 0;
    }));
  }
  EXPECT_EQ(restored, 1200u) << "the second time all are there";
  EXPECT_EQ(adopt(to.table, all_known()).kept, 1200u);
  EXPECT_EQ(get(to.table, wide_forward(7))->carried().translated_port, 7000);
}

}  // namespace
}  // namespace limpet::flow
