// What changes about a backend without a new plan: health, admin state, weight, sessions. One array for all
// plans, indexed by BackendSlot, so that a flap costs a store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/id.hpp"

namespace limpet::plan {

enum class Health : std::uint8_t { up, down };
enum class Admin : std::uint8_t { enabled, drain, offline };

// writer: control; readers: workers
struct alignas(64) BackendState {
  std::atomic<Health> health{Health::up};
  std::atomic<Admin> admin{Admin::enabled};
  std::atomic<std::uint32_t> weight{1};
  std::atomic<std::uint64_t> sessions{0};
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
           state.admin.load(std::memory_order_relaxed) != Admin::offline;
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

}  // namespace limpet::plan
