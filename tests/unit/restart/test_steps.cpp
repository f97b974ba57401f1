// A process is stepped through each change of a table, instruction by instruction; what is in its memory after each
// of them is what a kill there would leave. Recovery must find everything that was there before.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "support.hpp"
#include "support/sanitized.hpp"

namespace limpet::restart {
namespace {

using namespace test;
using flow::Direction;
using flow::State;
using record::Outcome;

constexpr record::Sizes record_sizes = {20, 20};
constexpr flow::Sizes flow_sizes = {32, 32};
constexpr Tick16 tick(now_ms);
constexpr std::uint32_t now_s = now_ms / 1000;

struct Tables {
  record::Table records;
  flow::Table flows;
  splice::Table spliced;
};

class Steps : public testing::Test {
 protected:
  Steps() {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    memory_ = {static_cast<std::byte*>(memory), bytes_};
    copy_.resize(bytes_ + 64);
  }
  ~Steps() override { munmap(memory_.data(), bytes_); }
  void SetUp() override {
    if (limpet::test::sanitized) {
      GTEST_SKIP() << "the steps are a sanitizer's, a hundred to one of ours";
    }
  }

  Tables tables_in(std::span<std::byte> memory) {
    return {record::Table::create(memory, record_sizes, {1, 2}).value(),
            flow::Table::create(memory.subspan(record_bytes_), flow_sizes, {3, 4}).value(),
            splice::Table(memory.last(spliced_bytes_), {5, 6})};
  }
  Tables tables() { return tables_in(memory_); }

  /// `check` looks at recovered tables, once for each state of the memory that `change` goes through.
  void through(const std::function<void(Tables&)>& change, const std::function<void(Tables&)>& check) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Tables own = tables();
      record::adopt(own.records, known_records_);  // counts
      flow::adopt(own.flows, known_flows_);
      own.spliced.adopt(is_spliced);
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
        _exit(77);
      }
      raise(SIGSTOP);
      change(own);
      _exit(0);
    }
    int status = 0;
    unsigned states = 0;
    std::vector<std::byte> last;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
      if (!std::equal(memory_.begin(), memory_.end(), last.begin(), last.end())) {
        last.assign(memory_.begin(), memory_.end());
        ++states;
        check_copy(check);
      }
      if (HasFatalFailure() || HasNonfatalFailure()) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        FAIL() << "after " << states << " states of the memory";
      }
      ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
      GTEST_SKIP() << "processes may not be traced here";
    }
    ASSERT_TRUE(WIFEXITED(status));
    states_ += states;
  }

  static record::Key key(unsigned n, bool wide) {
    return wide ? record::Key{0x20010db800000000, n, 0, true} : record::source_key(net::IpAddress::v4(n), 32, 64, 0);
  }
  static bool is_spliced(const splice::Entry& entry) { return entry.phase == splice::Phase::spliced; }
  static flow::NarrowKey flow_key(unsigned n) { return {n, 1000, 0, Direction::forward}; }

  const std::size_t record_bytes_ = record::Table::bytes_needed(record_sizes);
  const std::size_t spliced_bytes_ = splice::Table::bytes_needed(1);
  const std::size_t bytes_ = record_bytes_ + flow::Table::bytes_needed(flow_sizes) + spliced_bytes_;
  const record::Known known_records_{std::vector<bool>(8, true), {true}, now_s};
  const flow::Known known_flows_{{true}, std::vector<bool>(8, true), {true}, tick};
  std::span<std::byte> memory_;
  unsigned states_ = 0;

 private:
  void check_copy(const std::function<void(Tables&)>& check) {
    auto* const aligned = copy_.data() + (64 - reinterpret_cast<std::uintptr_t>(copy_.data()) % 64) % 64;
    std::copy(memory_.begin(), memory_.end(), aligned);
    Tables recovered = tables_in({aligned, bytes_});
    record::adopt(recovered.records, known_records_);
    flow::adopt(recovered.flows, known_flows_);
    recovered.spliced.adopt(is_spliced);
    check(recovered);
  }
  std::vector<std::byte> copy_;
};

std::optional<record::Record> find(Tables& tables, const record::Key& key) {
  return tables.records.find(key, tables.records.hash(key));
}

/// Claims, confirms, moves and erasures of one record among others, full buckets included.
TEST_F(Steps, RecordsAreNeverLost) {
  for (const bool wide : {false, true}) {
    std::fill(memory_.begin(), memory_.end(), std::byte{0});
    std::vector<unsigned> there;
    Tables own = tables();
    for (unsigned n = 0; n < 20; ++n) {
      if (own.records.claim(key(n, wide), own.records.hash(key(n, wide)), BackendSlot(n % 8), 900, record::Share::live)
              .outcome == Outcome::claimed) {
        there.push_back(n);
      }
    }
    const auto others_are_there = [&](Tables& now, std::optional<unsigned> but = std::nullopt) {
      for (const unsigned n : there) {
        const auto found = find(now, key(n, wide));
        ASSERT_TRUE(found || n == but) << n;
        EXPECT_TRUE(n == but || found->backend == BackendSlot(n % 8)) << n;
      }
    };
    const record::Key fresh = key(100, wide);
    const auto hash = own.records.hash(fresh);
    through([&](Tables& t) { t.records.claim(fresh, hash, BackendSlot(1), now_s, record::Share::provisional); },
            [&](Tables& now) { others_are_there(now); });
    through([&](Tables& t) { t.records.replace(fresh, hash, BackendSlot(1), BackendSlot(2), now_s, 3); },
            [&](Tables& now) {
              others_are_there(now);
              ASSERT_TRUE(find(now, fresh));
              EXPECT_TRUE(find(now, fresh)->backend == BackendSlot(1) || find(now, fresh)->backend == BackendSlot(2));
            });
    through([&](Tables& t) { t.records.confirm(fresh, hash, now_s); },
            [&](Tables& now) {
              others_are_there(now);
              ASSERT_TRUE(find(now, fresh));
              EXPECT_EQ(find(now, fresh)->backend, BackendSlot(2));
              EXPECT_EQ(now.records.stats().live + now.records.stats().provisional, there.size() + 1);
            });
    through([&](Tables& t) { t.records.touch(fresh, hash, now_s - 1); }, [&](Tables& now) { others_are_there(now); });
    through([&](Tables& t) { t.records.erase(fresh, hash); }, [&](Tables& now) { others_are_there(now); });
    // One more than there is room for: one of the others, and no more, may go.
    for (unsigned n = 200; n < 230; ++n) {
      const record::Key more = key(n, wide);
      through(
          [&](Tables& t) {
            t.records.claim(more, t.records.hash(more), BackendSlot(0), now_s, record::Share::live, {.evict = true});
          },
          [&](Tables& now) {
            std::size_t gone = 0;
            for (const unsigned old : there) {
              gone += find(now, key(old, wide)) ? 0 : 1;
            }
            EXPECT_LE(gone, n - 200 + 1);
          });
      if (testing::Test::HasFailure()) {
        return;
      }
    }
  }
  EXPECT_GT(states_, 300u);
}

/// Entries step aside for others, and move from share to share.
TEST_F(Steps, FlowsAreNeverLost) {
  std::vector<unsigned> there;
  for (unsigned n = 0; n < 34; ++n) {
    const flow::NarrowKey fresh = flow_key(n);
    bool stored = false;
    through(
        [&](Tables& t) {
          t.flows.insert(fresh, t.flows.hash(fresh),
                         {n % 8, n % 4 == 0 ? State::embryonic : State::established, 0, tick});
          t.flows.promote(fresh, t.flows.hash(fresh));
        },
        [&](Tables& now) {
          for (const unsigned old : there) {
            const auto* entry = now.flows.find(flow_key(old), now.flows.hash(flow_key(old)));
            ASSERT_NE(entry, nullptr) << old;
            EXPECT_EQ(entry->peer(), old % 8);
          }
          stored = now.flows.find(fresh, now.flows.hash(fresh)) != nullptr;
        });
    if (testing::Test::HasFailure()) {
      return;
    }
    if (stored && n % 4 != 0) {
      there.push_back(n);
    }
  }
  EXPECT_GT(there.size(), 20u);
  EXPECT_GT(states_, 120u);
}

/// Entries step aside for others; a new one is joined as it should be, or not there.
TEST_F(Steps, SplicedConnectionsAreNeverLost) {
  const auto key_of = [](unsigned n) { return splice::ConnectionKey{net::IpAddress::v4(n), 1000, 0}; };
  const auto is_right = [](const splice::Entry& entry, unsigned n) {
    return entry.difference == n && entry.waiting == ~n && entry.shift_in == 3 && entry.shift_out() == -3;
  };
  std::vector<unsigned> there;
  for (unsigned n = 1; n < 60; ++n) {
    bool stored = false;
    through(
        [&](Tables& t) {
          if (splice::Entry* const entry = t.spliced.insert(key_of(n))) {
            entry->join({.difference = n, .own = ~n, .shift_in = 3, .shift_out = -3});
          }
        },
        [&](Tables& now) {
          for (const unsigned old : there) {
            const auto* entry = now.spliced.find(key_of(old));
            ASSERT_NE(entry, nullptr) << old;
            EXPECT_TRUE(is_right(*entry, old)) << old;
          }
          const auto* const fresh = now.spliced.find(key_of(n));
          stored = fresh != nullptr;
          EXPECT_TRUE(!stored || is_right(*fresh, n));
        });
    if (testing::Test::HasFailure()) {
      return;
    }
    if (stored) {
      there.push_back(n);
    }
  }
  EXPECT_GT(there.size(), 50u);
  EXPECT_GT(states_, 300u);
  const unsigned gone = there.front();
  there.erase(there.begin());
  through([&](Tables& t) { t.spliced.erase(*t.spliced.find(key_of(gone))); },
          [&](Tables& now) {
            for (const unsigned old : there) {
              EXPECT_NE(now.spliced.find(key_of(old)), nullptr) << old;
            }
          });
}

}  // namespace
}  // namespace limpet::restart
