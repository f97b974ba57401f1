// The books: one worker's made from its flow table (after a restart, before the worker takes its first turn), and all
// workers' summed for each to see (control, or whoever moves a replayed node's clock).
#pragma once

#include <span>

#include "path/state.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

/// Live and connecting flows of each backend and, where heavy keys are split, of each key. The state is fresh.
void recount(State& state, const plan::Plan& plan) noexcept;

/// The backend's connections at all workers, into its state. Each worker gets back what of its own is in the sum, so
/// that it can add what it has changed since.
void sum_connections(std::span<State* const> workers, BackendSlot slot, plan::BackendStates& backends) noexcept;

}  // namespace limpet::path
