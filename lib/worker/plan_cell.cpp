#include "worker/plan_cell.hpp"

#include <utility>

namespace limpet::worker {

PlanCell::PlanCell(unsigned workers) {
  const std::size_t size = (rte_rcu_qsbr_get_memsize(workers) + 63) / 64 * 64;
  rcu_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, size)));
  LIMPET_ASSERT(rcu_ != nullptr && rte_rcu_qsbr_init(rcu_.get(), workers) == 0);
}

void PlanCell::publish(std::shared_ptr<const plan::Plan> plan) {
  auto before = std::exchange(current_, std::move(plan));
  in_force_.store(current_.get(), std::memory_order_release);
  if (before != nullptr) {
    retired_.push_back({std::move(before), rte_rcu_qsbr_start(rcu_.get())});
  }
  collect();
}

std::size_t PlanCell::collect() {
  while (!retired_.empty() && rte_rcu_qsbr_check(rcu_.get(), retired_.front().token, false) == 1) {
    retired_.pop_front();
  }
  return retired_.size();
}

void PlanCell::join(unsigned worker) noexcept {
  rte_rcu_qsbr_thread_register(rcu_.get(), worker);
  rte_rcu_qsbr_thread_online(rcu_.get(), worker);
}

void PlanCell::leave(unsigned worker) noexcept {
  rte_rcu_qsbr_thread_offline(rcu_.get(), worker);
  rte_rcu_qsbr_thread_unregister(rcu_.get(), worker);
}

}  // namespace limpet::worker
