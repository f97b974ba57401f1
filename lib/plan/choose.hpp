// The algorithm: which of a pool's backends takes a session that nothing binds yet. A pure function of the pool's
// seed (secret and pool name), backend names, weights and the key, among those that may take new sessions.
#pragma once

#include "plan/backend_state.hpp"
#include "plan/plan.hpp"

namespace limpet::plan {

/// What sessions are told apart by, as two words.
struct ChoiceKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

/// Weighted rendezvous hashing: the backend with the best score, or null when none may take a new session.
/// Of equal scores the first by name wins.
const Backend* choose(const Pool& pool, const BackendStates& states, const ChoiceKey& key, Family family) noexcept;

}  // namespace limpet::plan
