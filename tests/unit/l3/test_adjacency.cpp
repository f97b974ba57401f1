#include "l3/adjacency.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <thread>

#include "support/packet_builder.hpp"

namespace limpet::l3 {
namespace {

constexpr InterfaceIndex port0{0}, port1{1};

net::IpAddress host(std::uint32_t number) {
  return net::IpAddress::v4(0x0a000000u + number);
}
/// A MAC that says whose it is.
net::Mac mac_of(std::uint32_t number) {
  return {{0x02, 0, 0, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
           static_cast<std::uint8_t>(number)}};
}

struct Random {
  std::mt19937 engine;
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(engine()) % end; }
};

TEST(AdjacencyTable, KeepsInterfacesAndFamiliesApart) {
  AdjacencyTable table(16);
  EXPECT_TRUE(table.set(port0, host(1), AdjacencyState::reachable, mac_of(1)));
  EXPECT_TRUE(table.set(port1, host(1), AdjacencyState::incomplete, {}));
  EXPECT_TRUE(table.set(port0, test::ip("2001:db8::1"), AdjacencyState::failed, {}));
  EXPECT_EQ(table.find(port0, host(1)), (Adjacency{AdjacencyState::reachable, mac_of(1)}));
  EXPECT_EQ(table.find(port1, host(1)).state, AdjacencyState::incomplete);
  EXPECT_EQ(table.find(port0, test::ip("2001:db8::1")).state, AdjacencyState::failed);
  EXPECT_EQ(table.find(port0, host(2)).state, AdjacencyState::none);
  EXPECT_EQ(table.find(port1, test::ip("2001:db8::1")).state, AdjacencyState::none);
  EXPECT_EQ(table.count(), 3u);
}

TEST(AdjacencyTable, RefusesMoreThanItsCapacity) {
  AdjacencyTable table(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(table.set(port0, host(i), AdjacencyState::reachable, mac_of(i)));
  }
  EXPECT_FALSE(table.set(port0, host(4), AdjacencyState::reachable, mac_of(4)));
  EXPECT_TRUE(table.set(port0, host(3), AdjacencyState::reachable, mac_of(33)));
  table.remove(port0, host(0));
  EXPECT_TRUE(table.set(port0, host(4), AdjacencyState::reachable, mac_of(4)));
}

TEST(AdjacencyTable, TellsWhetherAReaderCame) {
  AdjacencyTable table(4);
  table.set(port0, host(1), AdjacencyState::reachable, mac_of(1));
  EXPECT_FALSE(table.take_used(port0, host(1)));
  (void)table.find(port0, host(2));
  EXPECT_FALSE(table.take_used(port0, host(1)));
  (void)table.find(port0, host(1));
  EXPECT_TRUE(table.take_used(port0, host(1)));
  EXPECT_FALSE(table.take_used(port0, host(1)));
  EXPECT_FALSE(table.take_used(port0, host(2)));
}

TEST(AdjacencyTable, SameAsMapOverRandomChanges) {
  constexpr std::uint32_t capacity = 64;
  AdjacencyTable table(capacity, 7);
  std::map<std::uint32_t, Adjacency> model;
  Random random{std::mt19937(4)};
  for (int round = 0; round < 200000; ++round) {
    const std::uint32_t number = random.below(96);
    if (random.below(2) == 0) {
      table.remove(port0, host(number));
      model.erase(number);
    } else {
      const Adjacency value{static_cast<AdjacencyState>(1 + random.below(3)), mac_of(random.below(1000))};
      const bool fits = model.contains(number) || model.size() < capacity;
      ASSERT_EQ(table.set(port0, host(number), value.state, value.mac), fits);
      if (fits) {
        model[number] = value;
      }
    }
    const std::uint32_t probe = random.below(96);
    ASSERT_EQ(table.find(port0, host(probe)), model.contains(probe) ? model[probe] : Adjacency{});
    ASSERT_EQ(table.count(), model.size());
  }
}

/// Readers must never see one neighbour's address with another's MAC, however slots are reused. A signal interrupts
/// the reader anywhere in its look-up and gives the only entry to someone else; only the handler writes.
class Interrupted {
 public:
  static constexpr std::uint32_t numbers = 8;
  AdjacencyTable table{1};
  std::atomic<std::uint32_t> current{0};
  std::atomic<std::uint64_t> changes{0};

  Interrupted() {
    table.set(port0, host(0), AdjacencyState::reachable, mac_of(0));
    active = this;
    previous_ = std::signal(SIGUSR1, [](int) { active->change(); });
  }
  ~Interrupted() { std::signal(SIGUSR1, previous_); }

 private:
  void change() {
    const std::uint32_t next = (current + 1 + random_.below(numbers - 1)) % numbers;
    table.remove(port0, host(current));
    table.set(port0, host(next), AdjacencyState::reachable, mac_of(next));
    current = next;
    ++changes;
  }
  static inline Interrupted* active = nullptr;
  void (*previous_)(int);
  Random random_{std::mt19937(9)};
};

TEST(AdjacencyTable, NeverMixesNeighbours) {
  Interrupted test;
  std::atomic<bool> stop{false};
  std::uint64_t found = 0, wrong = 0;
  std::thread reader([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const std::uint32_t number = test.current.load(std::memory_order_relaxed);
      const Adjacency adjacency = test.table.find(port0, host(number));
      found += adjacency.state == AdjacencyState::reachable ? 1 : 0;
      wrong += adjacency.state == AdjacencyState::reachable && adjacency.mac != mac_of(number) ? 1 : 0;
    }
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < end) {
    const std::uint64_t before = test.changes;
    pthread_kill(reader.native_handle(), SIGUSR1);
    for (int i = 0; i < 100 && test.changes == before; ++i) {
      std::this_thread::yield();
    }
  }
  stop = true;
  reader.join();
  EXPECT_GT(found, 0u);
  EXPECT_GT(test.changes, 0u);
  EXPECT_EQ(wrong, 0u);
}

/// One writer, several readers: nothing but this shows a race detector how the table is shared.
TEST(AdjacencyTable, ReadersAndWriterAtOnce) {
  constexpr std::uint32_t numbers = 6;
  AdjacencyTable table(4);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0};
  const auto read = [&](unsigned seed) {
    Random random{std::mt19937(seed)};
    while (!stop.load(std::memory_order_relaxed)) {
      const std::uint32_t number = random.below(numbers);
      const Adjacency adjacency = table.find(port0, host(number));
      if (adjacency.state != AdjacencyState::none && adjacency.mac != mac_of(number)) {
        wrong.fetch_add(1, std::memory_order_relaxed);
      }
    }
  };
  std::thread first(read, 1), second(read, 2);
  Random random{std::mt19937(3)};
  for (int round = 0; round < 300000; ++round) {
    const std::uint32_t number = random.below(numbers);
    if (random.below(2) == 0 || !table.set(port0, host(number), AdjacencyState::reachable, mac_of(number))) {
      table.remove(port0, host(random.below(numbers)));
    }
    (void)table.take_used(port0, host(number));
  }
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace limpet::l3
