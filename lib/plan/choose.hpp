// The algorithm: which of a pool's backends takes a session that nothing binds yet. Reads only; a worker notes what
// was chosen with note_chosen(). Rendezvous and Maglev are pure functions of the pool's seed (secret and pool name),
// backend names, weights and the key, among those that may take new sessions.
#pragma once

#include <array>
#include <string_view>

#include "plan/backend_state.hpp"
#include "plan/plan.hpp"

namespace limpet::plan {

/// What sessions are told apart by, as two words.
struct ChoiceKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

/// Why a backend can't take a new session.
enum class Exclusion : std::uint8_t {
  none,
  no_address,       // of the client's family
  offline,          // by the operator
  draining,         // by the operator
  down,             // by its health
  weight_zero,      //
  max_connections,  // has as many as it may
  priority,         // better ones suffice
  over_cap,         // above max_imbalance
};
inline constexpr std::array<std::string_view, 9> exclusion_names = {
    "none", "no_address", "offline", "draining", "down", "weight_zero", "max_connections", "priority", "over_cap"};

/// What a choice is made for.
struct Choosing {
  const Pool& pool;
  Loads loads;
  Family family = Family::v4;
  bool any_family = false;          // an address of the other family will do (full NAT, tunnels)
  std::uint32_t max_imbalance = 0;  // thousandths; 0: no cap
  bool from_memory = true;          // false: by rendezvous, whatever the pool's algorithm (nothing will be remembered)
  ChoiceKey connection{};           // what tells connections of one session apart: for random_two
};

/// Who may take a new session right now: bounds that all candidates share, computed once a choice.
class Candidates {
 public:
  explicit Candidates(const Choosing& choosing) noexcept;
  [[nodiscard]] Exclusion exclusion(const Backend& backend) const noexcept;
  /// The connections that a backend may have before first contacts spill; no cap: never reached.
  [[nodiscard]] std::int64_t cap(const Backend& backend) const noexcept;
  /// Candidates may be left out for their load alone.
  [[nodiscard]] bool has_cap() const noexcept { return weight_sum_ != 0; }

 private:
  [[nodiscard]] Exclusion own_exclusion(const Backend& backend) const noexcept;

  const Choosing& choosing_;
  unsigned priority_max_ = 0;     // of those that serve
  std::uint64_t weight_sum_ = 0;  // 0: no cap
  std::int64_t connections_ = 0;  // of all candidates
};

/// The chosen backend, or null when none may take a new session.
struct Choice {
  const Backend* backend = nullptr;
  bool spilled = false;  // the cap ruled out a better one
};
Choice choose(const Choosing& choosing, const ChoiceKey& key) noexcept;

/// The `rank`-th best by rendezvous (0: the best) among those that may take sessions, cap aside; null: fewer.
const Backend* ranked(const Choosing& choosing, const ChoiceKey& key, unsigned rank) noexcept;

/// weighted_round_robin goes on. The worker's own numbers.
void note_chosen(const Pool& pool, const BackendStates& states, BackendUse* own, const Backend& chosen) noexcept;

}  // namespace limpet::plan
