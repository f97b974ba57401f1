// Stage 2, the express way: packets that need nothing but to be sent on, which is nearly all packets, are done with
// here, in four loops over the burst: read and hash, look up, look again, write (lane.hpp). So are those with which a
// known session's flows begin (openings.hpp) and change (turns.hpp). Whatever is in any way special is left undecided,
// untouched, and goes the long way, which would do the same with these.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Gives every packet of the burst its verdict: forward, handoff, or undecided. Returns how many are decided.
unsigned express(State& state, const plan::Plan& plan, Burst& burst) noexcept;

}  // namespace limpet::path
