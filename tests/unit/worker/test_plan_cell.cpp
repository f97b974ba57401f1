// Plans under churn: readers never see a plan that is gone, and no replaced plan stays for ever.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "worker/plan_cell.hpp"

namespace limpet::worker {
namespace {

/// A plan that spoils itself when it is freed and counts the living.
std::shared_ptr<const plan::Plan> make_plan(std::uint64_t version, std::atomic<int>& living) {
  ++living;
  auto* plan = new plan::Plan;
  plan->version = version;
  plan->listener_of_slot.assign(64, static_cast<std::uint32_t>(version));
  return {plan, [&living](plan::Plan* gone) {
            gone->version = 0;
            --living;
            delete gone;
          }};
}

TEST(PlanCell, HoldsAReplacedPlanUntilEveryReaderIsQuiescent) {
  std::atomic<int> living = 0;
  PlanCell cell(2);
  EXPECT_EQ(cell.read(), nullptr);
  cell.join(0);
  cell.join(1);
  cell.publish(make_plan(1, living));
  EXPECT_EQ(cell.read()->version, 1u);
  cell.publish(make_plan(2, living));
  EXPECT_EQ(living, 2);
  cell.quiescent(0);
  EXPECT_EQ(cell.collect(), 1u) << "worker 1 may still read it";
  cell.quiescent(1);
  EXPECT_EQ(cell.collect(), 0u);
  EXPECT_EQ(living, 1);
  cell.leave(0);
  cell.leave(1);
  cell.publish(make_plan(3, living));
  EXPECT_EQ(cell.collect(), 0u) << "nobody reads";
  EXPECT_EQ(living, 1);
}

TEST(PlanCell, SurvivesChurn) {
  constexpr unsigned readers = 4;
  constexpr std::uint64_t versions = 5000;
  std::atomic<int> living = 0;
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::atomic<unsigned> joined = 0;
  int most = 0;
  {
    PlanCell cell(readers);
    cell.publish(make_plan(1, living));
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < readers; ++worker) {
      threads.emplace_back([&, worker] {
        cell.join(worker);
        ++joined;
        std::uint64_t last = 0;
        for (unsigned turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
          const plan::Plan* plan = cell.read();
          const std::uint64_t version = plan->version;
          for (const std::uint32_t value : plan->listener_of_slot) {
            wrong += value != static_cast<std::uint32_t>(version) ? 1 : 0;
          }
          wrong += version < last || plan->version != version ? 1 : 0;
          last = version;
          cell.quiescent(worker);
          if (turn % 1000 == 999) {  // come and go, as a stopping worker does
            cell.leave(worker);
            cell.join(worker);
          }
        }
        cell.leave(worker);
      });
    }
    while (joined < readers) {
      std::this_thread::yield();
    }
    for (std::uint64_t version = 2; version <= versions; ++version) {
      cell.publish(make_plan(version, living));
      most = std::max(most, living.load());
      if (version % 64 == 0) {
        std::this_thread::yield();
      }
    }
    stop = true;
    for (auto& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(cell.collect(), 0u);
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(most, 1) << "nothing was ever held back: the test did not test";
}

}  // namespace
}  // namespace limpet::worker
