#include "plan/choose.hpp"

#include "hash/rendezvous.hpp"

namespace limpet::plan {

const Backend* choose(const Pool& pool, const BackendStates& states, const ChoiceKey& key, Family family) noexcept {
  const Backend* best = nullptr;
  hash::Score best_score{};
  for (const Backend& backend : pool.backends) {
    const std::uint32_t weight = states[backend.slot].weight.load(std::memory_order_relaxed);
    if (weight == 0 || backend.endpoint(family).address.is_none() || !states.takes_new(backend.slot)) {
      continue;
    }
    const std::uint64_t hash = hash::candidate_hash(pool.seed, backend.name_hash, key.high, key.low);
    const hash::Score score = hash::score(hash, weight);
    if (best == nullptr || score < best_score) {
      best = &backend;
      best_score = score;
    }
  }
  return best;
}

}  // namespace limpet::plan
