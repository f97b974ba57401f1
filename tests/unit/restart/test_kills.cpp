// A process that hammers tables in shared memory is killed at a random instruction, and recovery looks at what it
// left: nothing that it had made known is missing, nothing is there twice, all counts are right. LIMPET_KILLS: how
// many times (300 by default, in at most 20 s).
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <variant>

#include "support.hpp"

namespace limpet::restart {
namespace {

using namespace test;
using flow::Direction;
using flow::State;

constexpr record::Sizes record_sizes = {96, 96};  // small, so that all paths are busy: full buckets, evictions
constexpr flow::Sizes flow_sizes = {160, 96};
constexpr unsigned keys_used = 160;
constexpr unsigned backends = 5;
constexpr unsigned threads = 2;  // on records; flows have one owner
constexpr Tick16 tick(now_ms);

/// What the child has done. One word a key, stored when the deed is done and before the next begins: 0 unknown, else
/// the backend + 1. While a key is worked on, it is `busy`.
struct Log {
  std::atomic<std::uint64_t> deeds;
  std::array<std::atomic<std::uint32_t>, threads> busy_record;  // key + 1
  std::atomic<std::uint32_t> busy_flow;
  std::array<std::atomic<std::uint32_t>, 2 * keys_used> records;  // lasting ones
  std::array<std::atomic<std::uint32_t>, 2 * keys_used> flows;    // both entries
};

record::Key record_key(unsigned n) {
  return n < keys_used ? record::source_key(net::IpAddress::v4(n), 32, 64, 0)
                       : record::Key{0x20010db800000000, n, 0, true};
}

struct FlowKeys {
  std::variant<std::pair<flow::NarrowKey, flow::NarrowKey>, std::pair<flow::WideKey, flow::WideKey>> both;
  flow::Carried carried;
};
FlowKeys flow_keys(unsigned n) {
  if (n < keys_used) {
    return {std::pair(flow::NarrowKey{n, 1000, 0, Direction::forward}, flow::NarrowKey{n, 1000, 0, Direction::back}),
            {}};
  }
  const auto client = net::IpAddress::v4(n);
  const auto vip = net::IpAddress::v4(0xc0000201);
  return {std::pair(flow::WideKey{client, vip, 1000, 80, 0, Direction::forward},
                    flow::WideKey{client, {}, 2000, 0, 0, Direction::back}),
          {vip, 80, 1000}};
}

/// Memory that both processes see.
template <class T>
T* shared(std::size_t size_bytes = sizeof(T)) {
  void* memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  return static_cast<T*>(memory);
}

class Hammer {
 public:
  Hammer(record::Table& records, flow::Table* flows, unsigned thread, Log& log, std::uint64_t seed)
      : records_(records), flows_(flows), thread_(thread), log_(log), random_(seed + thread) {}

  [[noreturn]] void run() {
    for (;;) {
      record_deed(static_cast<unsigned>(random_() % (2 * keys_used / threads)) * threads + thread_);
      if (flows_ != nullptr) {
        flow_deed(static_cast<unsigned>(random_() % (2 * keys_used)));
      }
      log_.deeds.fetch_add(1);
    }
  }

 private:
  void record_deed(unsigned n) {
    const record::Key key = record_key(n);
    const auto hash = records_.hash(key);
    const BackendSlot backend(static_cast<std::uint32_t>(random_() % backends));
    log_.busy_record[thread_] = n + 1;
    const record::Room room{~std::uint64_t{0}, false};
    switch (random_() % 6) {
      case 0:
        records_.claim(key, hash, backend, now(), record::Share::provisional);
        break;
      case 1:
        records_.claim(key, hash, backend, now(), record::Share::live, room);
        break;
      case 2:
        records_.confirm(key, hash, now(), room);
        break;
      case 3:
        if (const auto record = records_.find(key, hash)) {
          records_.replace(key, hash, record->backend, backend, now(), random_() % 2 == 0 ? record::at_home : 3);
        }
        break;
      case 4:
        records_.erase(key, hash);
        break;
      default:
        records_.touch(key, hash, now());
    }
    const auto after = records_.find(key, hash);
    log_.records[n] = after && !after->provisional ? after->backend.value() + 1 : 0;
    log_.busy_record[thread_] = 0;
  }

  template <class Key>
  void flow_deed(unsigned n, const Key& forward, const Key& back, const flow::Carried& carried) {
    const auto forward_hash = flows_->hash(forward), back_hash = flows_->hash(back);
    const auto peer = static_cast<std::uint32_t>(random_() % backends);
    if (flows_->find(forward, forward_hash) == nullptr) {
      flows_->erase(back, back_hash);
      const State state = random_() % 3 == 0 ? State::embryonic : State::established;
      const flow::Carried of_forward{carried.vip, carried.vip_port, static_cast<std::uint16_t>(2000)};
      if (flows_->insert(back, back_hash, {0, state, 0, tick}, carried) != nullptr) {
        flows_->insert(forward, forward_hash, {peer, state, 0, tick}, of_forward);
      }
    } else if (random_() % 2 == 0) {
      flows_->promote(forward, forward_hash);
      flows_->promote(back, back_hash);
    } else {
      flows_->erase(back, back_hash);
      flows_->erase(forward, forward_hash);
    }
    auto* const one = flows_->find(forward, forward_hash);
    auto* const other = flows_->find(back, back_hash);
    const bool lasting = one != nullptr && other != nullptr && one->state() == State::established &&
                         other->state() == State::established;
    log_.flows[n] = lasting ? one->peer() + 1 : 0;
  }
  void flow_deed(unsigned n) {
    log_.busy_flow = n + 1;
    const FlowKeys keys_of_n = flow_keys(n);
    std::visit([&](const auto& both) { flow_deed(n, both.first, both.second, keys_of_n.carried); }, keys_of_n.both);
    log_.busy_flow = 0;
  }
  std::uint32_t now() { return static_cast<std::uint32_t>(now_ms / 1000 - random_() % 20); }

  record::Table& records_;
  flow::Table* flows_;  // of the first thread
  const unsigned thread_;
  Log& log_;
  std::mt19937_64 random_;
};

struct Shared {
  std::size_t record_bytes = record::Table::bytes_needed(record_sizes);
  std::size_t flow_bytes = flow::Table::bytes_needed(flow_sizes);
  std::byte* record_memory = shared<std::byte>(record_bytes);
  std::byte* flow_memory = shared<std::byte>(flow_bytes);
  Log* log = shared<Log>();
  record::Table records() { return record::Table::create({record_memory, record_bytes}, record_sizes, {1, 2}).value(); }
  flow::Table flows() { return flow::Table::create({flow_memory, flow_bytes}, flow_sizes, {3, 4}).value(); }
};

void check_records(Shared& memory, record::Table& table) {
  const record::Known known{std::vector<bool>(backends, true), {true}, static_cast<std::uint32_t>(now_ms / 1000)};
  const auto recovered = record::adopt(table, known);
  std::set<std::tuple<std::uint64_t, std::uint64_t, bool>> seen;
  std::uint64_t lasting = 0;
  std::array<std::uint32_t, backends> of_backend{};
  static_cast<void>(table.walk({}, ~0u, [&](const record::Key& key, const record::Record& record) {
    EXPECT_TRUE(seen.emplace(key.high, key.low, key.wide).second) << "twice";
    ASSERT_LT(record.backend.value(), backends);
    lasting += record.provisional ? 0 : 1;
    of_backend[record.backend.value()] += record.provisional ? 0 : 1;
  }));
  EXPECT_EQ(recovered.kept, seen.size());
  EXPECT_EQ(table.stats().live, lasting);
  EXPECT_EQ(table.counts().of_scope(0), lasting);
  for (std::uint32_t i = 0; i < backends; ++i) {
    EXPECT_EQ(table.counts().of_backend(BackendSlot(i)), of_backend[i]);
  }
  for (unsigned n = 0; n < 2 * keys_used; ++n) {
    const std::uint32_t logged = memory.log->records[n];
    if (logged != 0 && memory.log->busy_record[n % threads] != n + 1) {
      const auto found = table.find(record_key(n), table.hash(record_key(n)));
      ASSERT_TRUE(found) << "record " << n << " is lost";
      EXPECT_EQ(found->backend, BackendSlot(logged - 1));
      EXPECT_FALSE(found->provisional);
    }
  }
}

void check_flows(Shared& memory, flow::Table& table) {
  const flow::Known known{{true}, std::vector<bool>(backends, true), {true}, tick};
  const auto recovered = flow::adopt(table, known);
  std::uint64_t entries = 0;
  table.each([&](const auto& key, auto& entry) {
    ++entries;
    EXPECT_EQ(table.find(key, table.hash(key)), &entry) << "twice";
    return flow::Sweep::keep;
  });
  EXPECT_EQ(recovered.kept, entries);
  for (unsigned n = 0; n < 2 * keys_used; ++n) {
    const std::uint32_t logged = memory.log->flows[n];
    if (logged == 0 || memory.log->busy_flow == n + 1) {
      continue;
    }
    std::visit(
        [&](const auto& both) {
          auto* const forward = table.find(both.first, table.hash(both.first));
          ASSERT_NE(forward, nullptr) << "flow " << n << " is lost";
          EXPECT_EQ(forward->peer(), logged - 1);
          EXPECT_NE(table.find(both.second, table.hash(both.second)), nullptr);
        },
        flow_keys(n).both);
  }
}

TEST(Kills, LeaveTablesThatRecoveryAccepts) {
  const char* const wanted = std::getenv("LIMPET_KILLS");
  const int kills = wanted == nullptr ? 300 : std::atoi(wanted);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(wanted == nullptr ? 20 : 3600);
  std::random_device device;
  const std::uint64_t seed = device();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  Shared memory;
  int done = 0;
  for (; done < kills && std::chrono::steady_clock::now() < end && !HasFailure(); ++done) {
    const std::uint64_t own_seed = random();
    const std::uint64_t before = memory.log->deeds;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // As a daemon does at start; what it hammers then is what the one before has left.
      record::Table records = memory.records();
      flow::Table flows = memory.flows();
      check_records(memory, records);
      check_flows(memory, flows);
      std::thread([&] { Hammer(records, nullptr, 1, *memory.log, own_seed).run(); }).detach();
      Hammer(records, &flows, 0, *memory.log, own_seed).run();
    }
    while (memory.log->deeds < before + 50 && waitpid(child, nullptr, WNOHANG) == 0) {
      sched_yield();
    }
    usleep(static_cast<useconds_t>(random() % 3000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    record::Table records = memory.records();
    flow::Table flows = memory.flows();
    check_records(memory, records);
    check_flows(memory, flows);
    // What the interrupted deeds have come to is not known.
    const auto forget = [](auto& busy, auto& log) {
      if (busy != 0) {
        log[busy - 1] = 0;
        busy = 0;
      }
    };
    for (auto& busy : memory.log->busy_record) {
      forget(busy, memory.log->records);
    }
    forget(memory.log->busy_flow, memory.log->flows);
  }
  EXPECT_GT(memory.log->deeds, 50u * static_cast<unsigned>(done));
  std::printf("%d kills, %llu deeds, seed %llu\n", done, static_cast<unsigned long long>(memory.log->deeds),
              static_cast<unsigned long long>(seed));
}

}  // namespace
}  // namespace limpet::restart
