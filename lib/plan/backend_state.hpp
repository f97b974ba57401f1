// What changes about a backend without a new plan: health, admin state, weight, sessions. One array for all
// plans, indexed by BackendSlot, so that a flap costs a store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/id.hpp"

namespace limpet::plan {

enum class Health : std::uint8_t { up, down };
/// drained: the deadline of a drain has passed.
enum class Admin : std::uint8_t { enabled, drain, drained, offline };

/// Effective weights are multiples of 1 / weight_one, so that a slow start can be finer than the declared weight.
inline constexpr std::uint32_t weight_one = 256;

// writer: control; readers: workers
struct alignas(64) BackendState {
  std::atomic<Health> health{Health::up};
  std::atomic<Admin> admin{Admin::enabled};
  std::atomic<std::uint32_t> weight{weight_one};  // declared * weight_one, less while it starts slowly
  std::atomic<std::uint64_t> sessions{0};
  std::atomic<std::int64_t> connections{0};  // of all workers, at the last sum
  std::atomic<std::uint32_t> accepts{0};     // Accepts, packed; readers: control
};

/// What one worker adds to a backend. writer: the worker; reader: control, which sums.
struct alignas(64) BackendUse {
  std::atomic<std::uint64_t> packets{0};  // towards the backend
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> flows{0};        // live flows
  std::atomic<std::int64_t> flows_alone{0};  // of them those without a record behind
  std::atomic<std::int64_t> connecting{0};   // embryonic ones
  std::atomic<std::uint64_t> flows_total{0};
  std::atomic<std::int64_t> turn{0};        // weighted_round_robin: how much it is its turn
  std::atomic<std::uint64_t> failed{0};     // connections refused or unanswered
  std::atomic<std::uint64_t> succeeded{0};  // connections answered
  std::atomic<std::int64_t> summed{0};      // writer: control: flows + connecting, as in the last sum

  [[nodiscard]] std::int64_t connections() const noexcept {
    return flows.load(std::memory_order_relaxed) + connecting.load(std::memory_order_relaxed);
  }
};

class BackendStates {
 public:
  explicit BackendStates(std::uint32_t slots) : count_(slots), states_(std::make_unique<BackendState[]>(slots)) {}
  [[nodiscard]] BackendState& operator[](BackendSlot slot) noexcept { return states_[slot.value()]; }
  [[nodiscard]] const BackendState& operator[](BackendSlot slot) const noexcept { return states_[slot.value()]; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

  /// May keep what it has: flows and records.
  [[nodiscard]] bool serves(BackendSlot slot) const noexcept {
    const auto& state = states_[slot.value()];
    return state.health.load(std::memory_order_relaxed) == Health::up &&
           state.admin.load(std::memory_order_relaxed) <= Admin::drain;
  }
  /// May be chosen for a new session.
  [[nodiscard]] bool takes_new(BackendSlot slot) const noexcept {
    const auto& state = states_[slot.value()];
    return state.health.load(std::memory_order_relaxed) == Health::up &&
           state.admin.load(std::memory_order_relaxed) == Admin::enabled;
  }

 private:
  std::uint32_t count_;
  std::unique_ptr<BackendState[]> states_;
};

/// How loaded backends are, as one worker sees it: control's last sum and its own change since. `own` null: no worker.
struct Loads {
  const BackendStates& states;
  const BackendUse* own = nullptr;  // by BackendSlot

  [[nodiscard]] std::int64_t connections(BackendSlot slot) const noexcept {
    const std::int64_t sum = states[slot].connections.load(std::memory_order_relaxed);
    if (own == nullptr) {
      return sum;
    }
    const BackendUse& use = own[slot.value()];
    const std::int64_t now = sum + use.connections() - use.summed.load(std::memory_order_relaxed);
    return now < 0 ? 0 : now;
  }
};

}  // namespace limpet::plan
