// Tables on tmpfs from start to start: adopted, put into others, set aside; whatever a kill leaves of a change.
#include "worker/recovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace limpet::worker {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t backends_max = 1000;
constexpr Millis now_ms = 1'000'000;
constexpr unsigned clients = 200;

class RecoveryTest : public testing::Test {
 protected:
  struct Start {
    std::unique_ptr<Tables> tables;
    Recovered recovered;
  };
  fs::path directory_ = "/dev/shm/limpet-unit-recovery-" + std::to_string(getpid());
  void SetUp() override { fs::remove_all(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  Start start(unsigned workers = 2, std::uint64_t records = 1000, const hash::Secret& secret = hash::fixed_secret()) {
    auto tables = Tables::open(directory_);
    EXPECT_TRUE(tables) << tables.error().text;
    const Wanted wanted{record::sizes_for(records), flow::sizes_for(1000), std::vector<int>(workers, 0), backends_max};
    auto recovered = recover(**tables, wanted, secret, hash::Owner(workers), now_ms);
    EXPECT_TRUE(recovered) << recovered.error().text;
    return {std::move(*tables), std::move(*recovered)};
  }
  static record::Key key(unsigned n) { return record::source_key(net::IpAddress::v4(n), 32, 64, 0); }
  /// Names and records, as a daemon leaves them when it is killed.
  static void fill(Start& node) {
    plan::Slots slots = node.recovered.slots;
    slots.backends.acquire("web/b1");
    slots.scopes.acquire("client of service web");
    ASSERT_TRUE(save_slots(*node.tables, node.recovered.files.names, slots));
    record::Table& records = node.recovered.tables.records;
    for (unsigned n = 0; n < clients; ++n) {
      records.claim(key(n), records.hash(key(n)), BackendSlot(0), 900, record::Share::live);
    }
  }
  static std::uint64_t found(Start& node) {
    const record::Table& records = node.recovered.tables.records;
    std::uint64_t count = 0;
    for (unsigned n = 0; n < clients; ++n) {
      count += records.find(key(n), records.hash(key(n))) ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void fill_and_end() {
    auto node = start();
    fill(node);
  }
};

TEST_F(RecoveryTest, TheFirstStartIsEmptyAndQuiet) {
  auto node = start();
  EXPECT_THAT(node.recovered.notes, IsEmpty());
  EXPECT_EQ(node.recovered.tables.flows.size(), 2u);
  EXPECT_THAT(entries(), ElementsAre("lock", "set-1"));
}

TEST_F(RecoveryTest, TheSameNodeGoesOnWithItsTables) {
  fill_and_end();
  auto node = start();
  EXPECT_EQ(found(node), clients);
  EXPECT_EQ(node.recovered.slots.backends.find("web/b1"), 0u);
  EXPECT_THAT(node.recovered.notes, ElementsAre(HasSubstr("200 records and 0 flow entries of before go on;")));
  EXPECT_THAT(entries(), ElementsAre("lock", "set-1"));
}

TEST_F(RecoveryTest, OtherWorkersLimitsOrSecretGiveNewTables) {
  fill_and_end();
  hash::Secret other = hash::fixed_secret();
  other[0] = 99;
  for (int step = 0; step < 3; ++step) {
    auto node = step == 0 ? start(3) : step == 1 ? start(3, 5000) : start(3, 5000, other);
    EXPECT_EQ(found(node), clients);
    EXPECT_EQ(node.recovered.slots.backends.find("web/b1"), 0u);
    EXPECT_THAT(node.recovered.notes, ElementsAre(HasSubstr("put into new tables")));
    EXPECT_THAT(entries(), ElementsAre("lock", "set-" + std::to_string(step + 2)));
  }
}

TEST_F(RecoveryTest, AKillWhileNewTablesAreMadeLosesNothing) {
  fill_and_end();
  fs::create_directory(directory_ / "making");
  std::ofstream(directory_ / "making/records") << "half";
  {
    auto node = start();
    EXPECT_EQ(found(node), clients);
    EXPECT_THAT(entries(), ElementsAre("lock", "set-1"));
  }
  // Killed after the new ones came into force, before the old ones were removed.
  fs::copy(directory_ / "set-1", directory_ / "set-2");
  auto node = start();
  EXPECT_EQ(found(node), clients);
  EXPECT_THAT(entries(), ElementsAre("lock", "set-2"));
}

struct Damage {
  const char* what;
  const char* file;
  off_t size;  // -1: removed
  const char* told;
};

class Damaged : public RecoveryTest, public testing::WithParamInterface<Damage> {};
INSTANTIATE_TEST_SUITE_P(RecoveryTest, Damaged,
                         testing::Values(Damage{"NoNames", "names", -1, "names is too short"},
                                         Damage{"EmptyNames", "names", 0, "names is too short"},
                                         Damage{"ShortNames", "names", 8192, "names is cut short"},
                                         Damage{"ShortRecords", "records", 8192, "records is cut short"},
                                         Damage{"OddRecords", "records", 5000, "records is cut short"},
                                         Damage{"NoFlows", "flows1", -1, "names has a damaged header"},
                                         Damage{"NoFirstFlows", "flows0", -1, "names has a damaged header"},
                                         Damage{"ShortFlows", "flows1", 100, "flows1 is too short"}),
                         [](const auto& row) { return row.param.what; });

TEST_P(Damaged, IsSetAsideOnce) {
  const Damage& damage = GetParam();
  for (int times = 0; times < 2; ++times) {
    fill_and_end();
    const fs::path file = directory_ / "set-1" / damage.file;
    ASSERT_TRUE(damage.size < 0 ? fs::remove(file) : truncate(file.c_str(), damage.size) == 0);
    auto node = start();
    EXPECT_EQ(found(node), 0u);
    EXPECT_FALSE(node.recovered.slots.backends.find("web/b1"));
    EXPECT_THAT(node.recovered.notes, ElementsAre(HasSubstr(damage.told)));
    EXPECT_THAT(node.recovered.notes, ElementsAre(HasSubstr((directory_ / "unreadable").string())));
    EXPECT_THAT(entries(), ElementsAre("lock", "set-1", "unreadable"));
  }
}

TEST_F(RecoveryTest, NamesGrow) {
  {
    auto node = start();
    fill(node);
    plan::Slots slots = node.recovered.slots;
    slots.backends.acquire("web/b1");
    slots.scopes.acquire("client of service web");
    for (unsigned i = 0; i < 20'000; ++i) {
      slots.endpoints.acquire("a backend address with a long name " + std::to_string(i));
      if (i % 1000 == 0) {
        ASSERT_TRUE(save_slots(*node.tables, node.recovered.files.names, slots));
      }
    }
  }
  auto node = start();
  EXPECT_EQ(found(node), clients);
  EXPECT_EQ(node.recovered.slots.endpoints.holders(), 19'001u);
  EXPECT_FALSE(fs::exists(directory_ / "set-1/names.new"));
}

/// Memory for one set only: the old one makes room, and nothing is lost.
TEST_F(RecoveryTest, OldTablesMakeRoomForNewOnes) {
  fill_and_end();
  auto tables = Tables::open(directory_);
  ASSERT_TRUE(tables);
  auto files = (*tables)->old_files();
  ASSERT_TRUE(files && *files);
  restart::Files& old = **files;
  const auto before = restart::read(old, restart::boot_id(), backends_max);
  ASSERT_TRUE(before);
  (*tables)->copy_old(old);
  EXPECT_FALSE(fs::exists(directory_ / "set-1"));
  const auto after = restart::read(old, restart::boot_id(), backends_max);
  ASSERT_TRUE(after) << after.error().text;
  auto views = restart::tables_in(old, after->geometry, restart::keys_of(hash::fixed_secret()));
  EXPECT_EQ(restart::adopt(*views, *after, now_ms).records, clients);
}

}  // namespace
}  // namespace limpet::worker
