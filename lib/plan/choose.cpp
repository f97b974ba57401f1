#include "plan/choose.hpp"

#include <limits>

#include "hash/rendezvous.hpp"

namespace limpet::plan {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
constexpr unsigned maglev_attempts = 64;

std::uint32_t weight_of(const Choosing& choosing, const Backend& backend) noexcept {
  return choosing.loads.states[backend.slot].weight.load(std::memory_order_relaxed);
}

/// What the backend asks for the key; the lowest wins.
struct Bid {
  const Choosing& choosing;
  std::uint64_t session;

  Bid(const Choosing& what, const ChoiceKey& key) noexcept
      : choosing(what), session(hash::session_hash(what.pool.seed, key.high, key.low)) {}
  [[nodiscard]] hash::Score of(const Backend& backend) const noexcept {
    const std::uint64_t hash = hash::candidate_hash(choosing.pool.seed, backend.name_hash, session);
    return hash::score(hash, weight_of(choosing, backend));
  }
};

/// The able backend for which `better(candidate, best)` holds against all before it.
template <class Better>
const Backend* best_of(const Choosing& choosing, const Candidates& candidates, Better&& better) noexcept {
  const Backend* best = nullptr;
  for (const Backend& backend : choosing.pool.backends) {
    if (candidates.exclusion(backend) == Exclusion::none && (best == nullptr || better(backend, *best))) {
      best = &backend;
    }
  }
  return best;
}

const Backend* by_rendezvous(const Choosing& choosing, const Candidates& candidates, const ChoiceKey& key) noexcept {
  const Bid bid(choosing, key);
  const Backend* best = nullptr;
  hash::Score best_score{};
  for (const Backend& backend : choosing.pool.backends) {
    if (candidates.exclusion(backend) != Exclusion::none) {
      continue;
    }
    const hash::Score score = bid.of(backend);
    if (best == nullptr || score < best_score) {
      best = &backend;
      best_score = score;
    }
  }
  return best;
}

/// Slots of backends that can't are passed over by further probes; a backend that starts slowly takes its part.
const Backend* by_maglev(const Choosing& choosing, const Candidates& candidates, const ChoiceKey& key) noexcept {
  const Pool& pool = choosing.pool;
  const std::uint64_t session = hash::session_hash(pool.seed, key.high, key.low);
  for (std::uint64_t attempt = 0; attempt < maglev_attempts; ++attempt) {
    const std::uint64_t probe = hash::keyed(pool.seed, session, attempt);
    const std::uint16_t index = pool.maglev->find(probe);
    if (index == hash::MaglevTable::nobody) {
      break;
    }
    const Backend& backend = pool.backends[index];
    const std::uint64_t full = std::uint64_t{backend.weight} * weight_one;
    if (candidates.exclusion(backend) == Exclusion::none &&
        (probe & 0xffffffff) * full >> 32 < weight_of(choosing, backend)) {
      return &backend;
    }
  }
  return by_rendezvous(choosing, candidates, key);
}

/// Fewer connections for its weight; of equals the better bid, so that workers that see the same choose alike.
struct LessLoaded {
  const Choosing& choosing;
  Bid bid;
  bool operator()(const Backend& one, const Backend& other) const noexcept {
    const auto load = [&](const Backend& backend, const Backend& against) {
      const auto connections = static_cast<std::uint64_t>(choosing.loads.connections(backend.slot));
      return static_cast<hash::uint128>(connections + 1) * weight_of(choosing, against);
    };
    const auto left = load(one, other);
    const auto right = load(other, one);
    return left != right ? left < right : bid.of(one) < bid.of(other);
  }
};

const Backend* by_turns(const Choosing& choosing, const Candidates& candidates, const ChoiceKey& key) noexcept {
  const Bid bid(choosing, key);
  const BackendUse* const own = choosing.loads.own;
  const auto turn = [&](const Backend& backend) {
    const std::int64_t so_far = own == nullptr ? 0 : own[backend.slot.value()].turn.load(std::memory_order_relaxed);
    return so_far + weight_of(choosing, backend);
  };
  return best_of(choosing, candidates, [&](const Backend& one, const Backend& other) {
    return turn(one) != turn(other) ? turn(one) > turn(other) : bid.of(one) < bid.of(other);
  });
}

/// Of two drawn by the connection's hash the less loaded one.
const Backend* by_two(const Choosing& choosing, const Candidates& candidates) noexcept {
  const Bid bid(choosing, choosing.connection);
  const Backend *first = nullptr, *second = nullptr;
  hash::Score first_score{}, second_score{};
  for (const Backend& backend : choosing.pool.backends) {
    if (candidates.exclusion(backend) != Exclusion::none) {
      continue;
    }
    const hash::Score score = bid.of(backend);
    if (first == nullptr || score < first_score) {
      second = first;
      second_score = first_score;
      first = &backend;
      first_score = score;
    } else if (second == nullptr || score < second_score) {
      second = &backend;
      second_score = score;
    }
  }
  return second != nullptr && LessLoaded{choosing, bid}(*second, *first) ? second : first;
}

const Backend* by_algorithm(const Choosing& choosing, const Candidates& candidates, const ChoiceKey& key) noexcept {
  switch (choosing.from_memory ? choosing.pool.algorithm : model::Algorithm::rendezvous) {
    case model::Algorithm::rendezvous:
      break;
    case model::Algorithm::maglev:
      return by_maglev(choosing, candidates, key);
    case model::Algorithm::least_connections:
      return best_of(choosing, candidates, LessLoaded{choosing, Bid(choosing, key)});
    case model::Algorithm::weighted_round_robin:
      return by_turns(choosing, candidates, key);
    case model::Algorithm::random_two:
      return by_two(choosing, candidates);
  }
  return by_rendezvous(choosing, candidates, key);
}

}  // namespace

Candidates::Candidates(const Choosing& choosing) noexcept : choosing_(choosing) {
  const Pool& pool = choosing.pool;
  priority_max_ = pool.priorities.empty() ? 0 : pool.priorities.back();
  if (pool.priorities.size() > 1) {
    std::uint32_t able = 0;
    for (const std::uint8_t priority : pool.priorities) {
      for (const Backend& backend : pool.backends) {
        able += backend.priority == priority && own_exclusion(backend) == Exclusion::none ? 1u : 0u;
      }
      if (able >= pool.min_active) {
        priority_max_ = priority;
        break;
      }
    }
  }
  if (choosing.max_imbalance == 0) {
    return;
  }
  for (const Backend& backend : pool.backends) {
    if (backend.priority <= priority_max_ && own_exclusion(backend) == Exclusion::none) {
      weight_sum_ += weight_of(choosing, backend);
      connections_ += choosing.loads.connections(backend.slot);
    }
  }
}

std::int64_t Candidates::cap(const Backend& backend) const noexcept {
  if (weight_sum_ == 0) {
    return unlimited;
  }
  // As many as are there and the new one; rounded up, so that an even pool always has room.
  const auto fair =
      static_cast<hash::uint128>(connections_ + 1) * weight_of(choosing_, backend) * choosing_.max_imbalance;
  const auto unit = static_cast<hash::uint128>(weight_sum_) * 1000;
  return static_cast<std::int64_t>((fair + unit - 1) / unit);
}

Exclusion Candidates::own_exclusion(const Backend& backend) const noexcept {
  const BackendState& state = choosing_.loads.states[backend.slot];
  if (!choosing_.any_family && backend.endpoint(choosing_.family).address.is_none()) {
    return Exclusion::no_address;
  }
  switch (state.admin.load(std::memory_order_relaxed)) {
    case Admin::enabled:
      break;
    case Admin::drain:
      return Exclusion::draining;
    case Admin::drained:
    case Admin::offline:
      return Exclusion::offline;
  }
  if (state.health.load(std::memory_order_relaxed) == Health::down) {
    return Exclusion::down;
  }
  if (state.weight.load(std::memory_order_relaxed) == 0) {
    return Exclusion::weight_zero;
  }
  const bool full =
      backend.max_connections != 0 && choosing_.loads.connections(backend.slot) >= backend.max_connections;
  return full ? Exclusion::max_connections : Exclusion::none;
}

Exclusion Candidates::exclusion(const Backend& backend) const noexcept {
  const Exclusion own = own_exclusion(backend);
  if (own != Exclusion::none) {
    return own;
  }
  if (backend.priority > priority_max_) {
    return Exclusion::priority;
  }
  const bool over = weight_sum_ != 0 && choosing_.loads.connections(backend.slot) >= cap(backend);
  return over ? Exclusion::over_cap : Exclusion::none;
}

Choice choose(const Choosing& choosing, const ChoiceKey& key) noexcept {
  const Candidates candidates(choosing);
  Choice choice{by_algorithm(choosing, candidates, key), false};
  if (candidates.has_cap()) {
    Choosing uncapped = choosing;
    uncapped.max_imbalance = 0;
    const Candidates all(uncapped);
    const Backend* first = by_algorithm(uncapped, all, key);
    choice.spilled = choice.backend != nullptr && choice.backend != first;
    choice.backend = choice.backend != nullptr ? choice.backend : first;
  }
  return choice;
}

const Backend* ranked(const Choosing& choosing, const ChoiceKey& key, unsigned rank) noexcept {
  Choosing uncapped = choosing;
  uncapped.max_imbalance = 0;
  const Candidates candidates(uncapped);
  const Bid bid(uncapped, key);
  const Backend* last = nullptr;
  hash::Score last_score{};
  for (unsigned place = 0; place <= rank; ++place) {  // the next one above the last
    const Backend* next = nullptr;
    hash::Score next_score{};
    for (const Backend& backend : choosing.pool.backends) {
      if (candidates.exclusion(backend) != Exclusion::none) {
        continue;
      }
      const hash::Score score = bid.of(backend);
      const bool above = last == nullptr || last_score < score || (last_score == score && last < &backend);
      if (above && (next == nullptr || score < next_score)) {
        next = &backend;
        next_score = score;
      }
    }
    if (next == nullptr) {
      return nullptr;
    }
    last = next;
    last_score = next_score;
  }
  return last;
}

void note_chosen(const Pool& pool, const BackendStates& states, BackendUse* own, const Backend& chosen) noexcept {
  if (pool.algorithm != model::Algorithm::weighted_round_robin || own == nullptr) {
    return;
  }
  std::int64_t sum = 0;
  for (const Backend& backend : pool.backends) {
    if (states.takes_new(backend.slot)) {
      const std::uint32_t weight = states[backend.slot].weight.load(std::memory_order_relaxed);
      auto& turn = own[backend.slot.value()].turn;
      turn.store(turn.load(std::memory_order_relaxed) + weight, std::memory_order_relaxed);
      sum += weight;
    }
  }
  auto& turn = own[chosen.slot.value()].turn;
  turn.store(turn.load(std::memory_order_relaxed) - sum, std::memory_order_relaxed);
}

}  // namespace limpet::plan
