// Stage 5: which backend? A known flow's packets follow the flow; a new flow is decided (decide.hpp) and the
// decision is made to stick in the record table and the flow table.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

void bind(State& state, const plan::Plan& plan, Burst& burst) noexcept;

}  // namespace limpet::path
