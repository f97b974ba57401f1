// Memory for tables: where it may lie, who may use it, and what is said when it cannot be had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "worker/tables.hpp"

namespace limpet::worker {
namespace {

using testing::HasSubstr;

class TablesTest : public testing::Test {
 protected:
  std::string directory_ = "/dev/shm/limpet-unit-tables-" + std::to_string(getpid());
  void TearDown() override { std::filesystem::remove_all(directory_); }
};

TEST_F(TablesTest, GivesZeroedMemoryAgainAndAgain) {
  for (int start = 0; start < 2; ++start) {
    auto tables = Tables::open(directory_ + "/deep/er");
    ASSERT_TRUE(tables) << tables.error().text;
    const auto memory = (*tables)->map(directory_ + "/deep/er/some", 100'000, -1);
    ASSERT_TRUE(memory) << memory.error().text;
    EXPECT_GE(memory->size(), 100'000u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % 64, 0u);
    EXPECT_TRUE(std::all_of(memory->begin(), memory->end(), [](std::byte b) { return b == std::byte{0}; }));
    std::fill(memory->begin(), memory->end(), std::byte{0xff});
  }
}

TEST_F(TablesTest, BelongsToOneDaemon) {
  auto first = Tables::open(directory_);
  ASSERT_TRUE(first);
  const auto second = Tables::open(directory_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, HasSubstr("another limpetd uses"));
  first->reset();
  EXPECT_TRUE(Tables::open(directory_));
}

TEST_F(TablesTest, SaysWhenThereIsNotEnough) {
  auto tables = Tables::open(directory_);
  ASSERT_TRUE(tables);
  const auto memory = (*tables)->map(directory_ + "/some", std::size_t{1} << 50, -1);
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().text, HasSubstr("lower [limits]"));
  EXPECT_TRUE((*tables)->map(directory_ + "/some", 4096, -1)) << "the failure must leave nothing behind";
}

TEST_F(TablesTest, RefusesADisk) {
  const std::string place = std::filesystem::current_path() / "tables-on-disk";
  const auto tables = Tables::open(place);
  struct statfs filesystem {};
  ASSERT_EQ(statfs(".", &filesystem), 0);
  std::filesystem::remove_all(place);
  if (static_cast<std::uint64_t>(filesystem.f_type) == TMPFS_MAGIC) {
    GTEST_SKIP() << "the build directory is itself on a tmpfs";
  }
  ASSERT_FALSE(tables);
  EXPECT_THAT(tables.error().text, HasSubstr("is on a disk"));
}

TEST(Tables, RefusesAPlaceThatCannotBe) {
  const auto tables = Tables::open("/proc/limpet");
  ASSERT_FALSE(tables);
  EXPECT_THAT(tables.error().text, HasSubstr("/proc/limpet"));
}

}  // namespace
}  // namespace limpet::worker
