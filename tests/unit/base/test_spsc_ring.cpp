#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

#include "base/spsc_ring.hpp"

namespace limpet {
namespace {

TEST(SpscRing, holds_its_capacity_and_no_more) {
  SpscRing<int> ring(4);
  EXPECT_EQ(ring.capacity(), 4u);
  int item = 0;
  for (int lap = 0; lap < 10; ++lap) {  // over the end of the array
    EXPECT_TRUE(ring.empty());
    EXPECT_FALSE(ring.pop(item));
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(ring.push(10 * lap + i));
    }
    EXPECT_FALSE(ring.push(-1));
    EXPECT_FALSE(ring.empty());
    ASSERT_TRUE(ring.pop(item));
    EXPECT_EQ(item, 10 * lap);
    EXPECT_TRUE(ring.push(10 * lap + 4)) << "one place is free again";
    EXPECT_FALSE(ring.push(-1));
    for (int i = 1; i < 5; ++i) {
      ASSERT_TRUE(ring.pop(item));
      EXPECT_EQ(item, 10 * lap + i);
    }
  }
}

TEST(SpscRing, bursts_take_what_there_is_room_for) {
  SpscRing<int> ring(8);
  int next = 0;      // to be pushed
  int expected = 0;  // to be popped
  std::array<int, 10> items{};
  const auto push = [&](std::size_t n) {
    const int first = next;
    const auto pushed = ring.push_burst(n, [&](std::size_t i) { return first + static_cast<int>(i); });
    next += static_cast<int>(pushed);
    return pushed;
  };
  const auto pop = [&](std::size_t max) {
    const auto popped = ring.pop_burst(items.data(), max);
    for (std::size_t i = 0; i < popped; ++i) {
      EXPECT_EQ(items[i], expected++);
    }
    return popped;
  };
  for (int lap = 0; lap < 10; ++lap) {  // over the end of the array
    EXPECT_EQ(pop(10), 0u);
    EXPECT_EQ(push(0), 0u);
    EXPECT_EQ(push(5), 5u);
    EXPECT_EQ(push(5), 3u);
    EXPECT_EQ(push(1), 0u);
    EXPECT_EQ(pop(2), 2u);
    EXPECT_EQ(push(3), 2u);
    EXPECT_EQ(pop(10), 8u);
    EXPECT_EQ(push(3), 3u);
    int item = 0;
    ASSERT_TRUE(ring.pop(item));
    EXPECT_EQ(item, expected++);
    EXPECT_TRUE(ring.push(next++));
    EXPECT_EQ(pop(3), 3u);
  }
}

TEST(SpscRing, a_burst_leaves_the_places_that_it_is_told_to) {
  SpscRing<int> ring(8);
  const auto push = [&](std::size_t n, std::size_t kept) {
    return ring.push_burst(
        n, [](std::size_t) { return 1; }, kept);
  };
  std::array<int, 8> items{};
  for (int lap = 0; lap < 3; ++lap) {
    EXPECT_EQ(push(5, 3), 5u);
    EXPECT_EQ(push(1, 3), 0u);
    EXPECT_EQ(push(2, 0), 2u);
    EXPECT_EQ(push(2, 3), 0u) << "more is in than it may fill";
    EXPECT_EQ(push(2, 8), 0u);
    EXPECT_EQ(push(2, 0), 1u);
    EXPECT_EQ(ring.pop_burst(items.data(), 4), 4u);
    EXPECT_EQ(push(4, 3), 1u);
    EXPECT_EQ(ring.pop_burst(items.data(), 8), 5u);
  }
}

struct Item {
  std::uint64_t number;
  std::uint64_t square;
};

TEST(SpscRing, two_threads_lose_and_mix_nothing) {
  constexpr std::uint64_t items = 100000;
  for (const std::size_t capacity : {1u, 2u, 256u}) {
    SpscRing<Item> ring(capacity);
    std::thread producer([&] {
      for (std::uint64_t i = 0; i < items;) {
        if (ring.push({i, i * i})) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
    std::uint64_t expected = 0;
    std::uint64_t wrong = 0;
    while (expected < items) {
      Item item{};
      if (ring.pop(item)) {
        wrong += item.number != expected || item.square != expected * expected ? 1u : 0u;
        ++expected;
      } else {
        std::this_thread::yield();
      }
    }
    producer.join();
    EXPECT_EQ(wrong, 0u) << capacity;
    EXPECT_TRUE(ring.empty());
  }
}

TEST(SpscRing, two_threads_lose_and_mix_nothing_in_bursts) {
  constexpr std::uint64_t items = 100000;
  constexpr std::size_t burst = 32;
  for (const std::size_t capacity : {1u, 2u, 256u}) {
    SpscRing<Item> ring(capacity);
    std::thread producer([&] {
      for (std::uint64_t i = 0; i < items;) {
        const auto n = std::min<std::uint64_t>(burst, items - i);
        const auto pushed = ring.push_burst(n, [&](std::size_t at) { return Item{i + at, (i + at) * (i + at)}; });
        i += pushed;
        if (pushed == 0) {
          std::this_thread::yield();
        }
      }
    });
    std::uint64_t expected = 0;
    std::uint64_t wrong = 0;
    std::array<Item, burst> popped{};
    while (expected < items) {
      const auto count = ring.pop_burst(popped.data(), burst);
      for (std::size_t i = 0; i < count; ++i, ++expected) {
        wrong += popped[i].number != expected || popped[i].square != expected * expected ? 1u : 0u;
      }
      if (count == 0) {
        std::this_thread::yield();
      }
    }
    producer.join();
    EXPECT_EQ(wrong, 0u) << capacity;
    EXPECT_TRUE(ring.empty());
  }
}

}  // namespace
}  // namespace limpet
