// The plan in force: written by control, read by workers once a turn. A plan is freed when every worker has passed a
// quiescent state after its replacement (DPDK's RCU); nobody waits for anybody.
#pragma once

#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>

#include "base/assert.hpp"
#include "plan/plan.hpp"

namespace limpet::worker {

class PlanCell {
 public:
  explicit PlanCell(unsigned workers);
  PlanCell(const PlanCell&) = delete;
  PlanCell& operator=(const PlanCell&) = delete;
  ~PlanCell() = default;  // all workers have left

  // Control's thread.

  /// In force from each worker's next read() on.
  void publish(std::shared_ptr<const plan::Plan> plan);
  /// Lets go of replaced plans that no worker reads any more. Returns how many are still held back.
  std::size_t collect();
  [[nodiscard]] const std::shared_ptr<const plan::Plan>& current() const noexcept { return current_; }

  // A worker's thread.

  void join(unsigned worker) noexcept;
  void leave(unsigned worker) noexcept;
  /// Good until the worker's next quiescent() or leave(). Null before the first publish().
  [[nodiscard]] const plan::Plan* read() const noexcept { return in_force_.load(std::memory_order_acquire); }
  void quiescent(unsigned worker) noexcept { rte_rcu_qsbr_quiescent(rcu_.get(), worker); }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* rcu) const noexcept { std::free(rcu); }
  };
  struct Retired {
    std::shared_ptr<const plan::Plan> plan;
    std::uint64_t token;  // of rte_rcu_qsbr_start
  };

  std::unique_ptr<rte_rcu_qsbr, Free> rcu_;
  std::atomic<const plan::Plan*> in_force_{nullptr};  // writer: control; readers: workers
  std::shared_ptr<const plan::Plan> current_;         // control only
  std::deque<Retired> retired_;                       // control only, oldest first
};

}  // namespace limpet::worker
