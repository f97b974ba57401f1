// Stage 3: whose packet is it? To a service (the client is the source), from a backend (the client is the
// destination), to Limpet itself, or passing through.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Also answers ARP, ND and echo requests in place, and copies ARP and ND frames to control.
void classify(State& state, const plan::Plan& plan, Burst& burst) noexcept;

}  // namespace limpet::path
