// Names and their slots in mapped memory: back as they were, whole at any moment, refused when damaged.
#include "restart/names.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace limpet::restart {
namespace {

constexpr std::uint32_t backends_max = 1000;

plan::Slots some_slots(unsigned count) {
  plan::Slots slots(backends_max);
  for (unsigned i = 0; i < count; ++i) {
    slots.backends.acquire("web/b" + std::to_string(i));
    slots.endpoints.acquire("198.51.100." + std::to_string(i) + ":80/6");
  }
  slots.listeners.acquire("web 192.0.2.10:80/tcp");
  slots.scopes.acquire("client of service web");
  return slots;
}

std::string text_of(const plan::Slots& slots) {
  std::string text;
  for (const auto* map : {&slots.listeners, &slots.backends, &slots.endpoints, &slots.scopes}) {
    map->each([&](const std::string& name, std::uint32_t slot, bool rests) {
      text += name + "=" + std::to_string(slot) + (rests ? " rests\n" : "\n");
    });
    text += "-\n";
  }
  return text;
}

struct Area {
  explicit Area(const plan::Slots& slots) : bytes(names_bytes_wanted(slots)) {}
  std::vector<std::byte> bytes;
};

TEST(Names, ComeBackWithTheirSlots) {
  plan::Slots slots = some_slots(100);
  std::set<std::string> used;
  for (unsigned i = 0; i < 100; i += 2) {
    used.insert("web/b" + std::to_string(i));
  }
  slots.backends.keep_only(used);
  Area area(slots);
  ASSERT_TRUE(write_names(area.bytes, slots));
  const auto read = read_names(area.bytes, backends_max);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(text_of(*read), text_of(slots));
}

TEST(Names, SlotsThatNobodyHoldsAreGivenAgain) {
  plan::Slots slots = some_slots(10);
  slots.backends.keep_only({"web/b9"});
  slots.backends.swept();
  slots.backends.swept();
  Area area(slots);
  ASSERT_TRUE(write_names(area.bytes, slots));
  auto read = read_names(area.bytes, backends_max);
  ASSERT_TRUE(read);
  std::set<std::uint32_t> fresh;
  for (int i = 0; i < 10; ++i) {
    fresh.insert(read->backends.acquire("new/" + std::to_string(i)).value());
  }
  EXPECT_EQ(fresh, (std::set<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 10}));
}

TEST(Names, AreWholeAtAnyMoment) {
  const plan::Slots before = some_slots(20), after = some_slots(40);
  Area area(after);
  ASSERT_TRUE(write_names(area.bytes, before));
  const auto old = area.bytes;
  ASSERT_TRUE(write_names(area.bytes, after));
  // Until the last store, which is the first word, any part of the new half may have been written.
  for (std::size_t written = 8; written <= old.size(); written += 97) {
    auto torn = old;
    std::copy(area.bytes.begin() + 8, area.bytes.begin() + static_cast<std::ptrdiff_t>(written), torn.begin() + 8);
    const auto read = read_names(torn, backends_max);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(text_of(*read), text_of(before));
  }
  EXPECT_EQ(text_of(*read_names(area.bytes, backends_max)), text_of(after));
}

TEST(Names, SayWhenThereIsNoRoom) {
  Area area(some_slots(1));
  ASSERT_TRUE(write_names(area.bytes, some_slots(100)));
  const auto before = area.bytes;
  EXPECT_FALSE(write_names(area.bytes, some_slots(1000)));
  EXPECT_EQ(area.bytes, before);
}

TEST(Names, DamageIsSeen) {
  const plan::Slots slots = some_slots(3);
  Area area(slots);
  ASSERT_TRUE(write_names(area.bytes, slots));
  EXPECT_FALSE(read_names({}, backends_max));
  EXPECT_FALSE(read_names(std::vector<std::byte>(100), backends_max));
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    auto damaged = area.bytes;
    const std::size_t at = random() % damaged.size();
    damaged[at] ^= static_cast<std::byte>(1 + random() % 255);
    if (const auto read = read_names(damaged, backends_max)) {
      EXPECT_EQ(text_of(*read), text_of(slots)) << "byte " << at;
    }
  }
  EXPECT_FALSE(read_names(area.bytes, 2)) << "more slots than there may be";
}

}  // namespace
}  // namespace limpet::restart
