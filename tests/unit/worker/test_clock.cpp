// The clock of a worker against the kernel's.
#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "worker/clock.hpp"

namespace limpet::worker {
namespace {

/// Cycles a second of this machine's TSC, roughly.
std::uint64_t tsc_hz() {
  const std::uint64_t ns = boottime_ns();
  const std::uint64_t tsc = rte_rdtsc();
  while (boottime_ns() - ns < 20'000'000) {
  }
  return (rte_rdtsc() - tsc) * 50;
}

TEST(Clock, FollowsBoottime) {
  Clock clock(tsc_hz());
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t until = boottime_ns() + 5'000'000;
    while (boottime_ns() < until) {
    }
    const auto kernel = static_cast<std::int64_t>(boottime_ns() / 1'000'000);
    EXPECT_NEAR(static_cast<double>(clock.now_ms(rte_rdtsc())), static_cast<double>(kernel), 50);
  }
}

TEST(Clock, NeverGoesBackWhateverTheRateItWasTold) {
  for (const std::uint64_t hz : {tsc_hz() / 2, tsc_hz() * 2}) {
    Clock clock(hz);
    const Millis first = clock.now_ms(rte_rdtsc());
    Millis last = 0;
    for (int i = 0; i < 2'000'000; ++i) {
      const Millis now = clock.now_ms(rte_rdtsc());
      ASSERT_GE(now, last);
      last = now;
    }
    EXPECT_GE(last, first);
  }
}

TEST(Clock, IsSetRightAfterASecond) {
  const std::uint64_t hz = tsc_hz();
  Clock clock(hz / 100);  // believes a second is 10 ms: runs 100 times too fast, and looks every 10 ms
  const std::uint64_t until = boottime_ns() + 100'000'000;
  Millis now = 0;
  while (boottime_ns() < until) {
    now = clock.now_ms(rte_rdtsc());
  }
  EXPECT_LE(now, boottime_ns() / 1'000'000 + 1001);
}

}  // namespace
}  // namespace limpet::worker
