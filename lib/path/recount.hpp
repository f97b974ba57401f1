// The books of one worker, made from its flow table: after a restart, before the worker takes its first turn.
#pragma once

#include "path/state.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

/// Live and connecting flows of each backend and, where heavy keys are split, of each key. The state is fresh.
void recount(State& state, const plan::Plan& plan) noexcept;

}  // namespace limpet::path
