// Last stage of a turn: a little of the flow table is looked through for flows that are idle too long or whose
// service or backend has left the plan. A whole pass takes about ten seconds, whatever the table's size.
#pragma once

#include "path/state.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

/// Does the work of the time since State::last_sweep_ms, but only so much of it a call.
void sweep(State& state, const plan::Plan& plan, Millis now_ms) noexcept;

}  // namespace limpet::path
