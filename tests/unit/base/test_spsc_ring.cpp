#include <gtest/gtest.h>

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

struct Item {
  std::uint64_t number;
  std::uint64_t square;
};

TEST(SpscRing, two_threads_lose_and_mix_nothing) {
  constexpr std::uint64_t items = 300000;
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

}  // namespace
}  // namespace limpet
