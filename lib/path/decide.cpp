#include "path/decide.hpp"

#include <algorithm>

#include "hash/rendezvous.hpp"
#include "plan/lifetime.hpp"

namespace limpet::path {
namespace {

using plan::Admin;
using plan::Health;

constexpr unsigned split_max = 64;             // backends that one key is spread over, at most
constexpr std::uint16_t ports_a_block = 1024;  // as carrier NATs give them to subscribers
constexpr std::int64_t crowd_min = 16;         // connections; fewer are no crowd that another one could meet

/// The same-named backend of another pool, for records that all services share.
const plan::Backend* namesake(const plan::Pool& pool, const plan::Backend& backend) noexcept {
  const std::string_view full(backend.name);
  const std::string_view name = full.substr(full.find('/') + 1);
  for (const plan::Backend& candidate : pool.backends) {
    if (std::string_view(candidate.name).substr(candidate.name.find('/') + 1) == name) {
      return &candidate;
    }
  }
  return nullptr;
}

plan::ChoiceKey connection_key(const plan::Tuple& tuple) noexcept {
  return {tuple.client.high() ^ tuple.client_port, tuple.client.low()};
}

class Decider {
 public:
  Decider(const Question& question, const Sight& sight) noexcept
      : question_(question),
        sight_(sight),
        service_(question.plan.service_of(question.listener)),
        pool_(pool_of(question)) {}

  Decision run() noexcept {
    const plan::Found found = find();
    decision_.unfinished = found.unfinished;
    if (found.persist != nullptr) {
      decision_.persist = found.persist;
      decision_.key = found.key;
      decision_.key_hash = sight_.records.hash(found.key);
      if (found.persist->by != model::By::record) {
        decision_.remember = false;
        if (!by_token(found.backend)) {
          by_algorithm();
        }
        return decision_;
      }
      decision_.record = sight_.records.find(found.key, decision_.key_hash);
      decision_.remember = decision_.record || !found.persist->only_learns();
      if (by_record() || !has_room()) {
        return decision_;
      }
    }
    by_algorithm();
    return decision_;
  }

 private:
  [[nodiscard]] plan::Found find() const noexcept {
    if (question_.key != nullptr) {
      return plan::find_given(service_, *question_.key);
    }
    return question_.found != nullptr ? *question_.found
                                      : plan::find_key(question_.plan, service_, question_.tuple, question_.payload);
  }

  [[nodiscard]] plan::ChoiceKey choice_key() const noexcept {
    return decision_.persist != nullptr ? plan::ChoiceKey{decision_.key.high, decision_.key.low}
                                        : connection_key(question_.tuple);
  }

  void by_algorithm() noexcept {
    plan::Choosing choosing = choosing_for(question_, sight_.loads, decision_.persist);
    choosing.from_memory = decision_.remember;
    const plan::Choice choice = question_.tried.empty() ? plan::choose(choosing, choice_key()) : next(choosing);
    decision_.backend = choice.backend;
    decision_.spilled = choice.spilled;
    decision_.step = Step::algorithm;
    decision_.refusal = choice.backend == nullptr ? Refusal::no_backend : Refusal::none;
  }

  /// The backend that the client names takes the connection, if it can.
  bool by_token(const plan::Backend* named) noexcept {
    if (named == nullptr || is_tried(*named) || is_full(*named) || !reaches(question_, *named) ||
        must_leave(question_.plan, pool_, named->slot, sight_.loads.states, decision_.persist)) {
      return false;
    }
    decision_.backend = named;
    decision_.step = Step::token;
    return true;
  }

  [[nodiscard]] bool is_tried(const plan::Backend& backend) const noexcept {
    return std::find(question_.tried.begin(), question_.tried.end(), backend.slot) != question_.tried.end();
  }

  /// The best by rendezvous of those that were not tried.
  [[nodiscard]] plan::Choice next(const plan::Choosing& choosing) const noexcept {
    const plan::Backend* backend = nullptr;
    for (unsigned rank = 0; (backend = plan::ranked(choosing, choice_key(), rank)) != nullptr; ++rank) {
      if (!is_tried(*backend)) {
        return {backend, false};
      }
    }
    return {};
  }

  /// Whether a session without a record may begin; what can't be remembered goes by rendezvous.
  bool has_room() noexcept {
    const plan::Persist& persist = *decision_.persist;
    if (decision_.record || persist.max_records == 0 ||
        sight_.records.counts().of_scope(persist.scope) < persist.max_records) {
      return true;
    }
    if (persist.on_full == model::OnFull::refuse) {
      decision_.refusal = Refusal::no_record;
      return false;
    }
    decision_.remember = persist.on_full == model::OnFull::evict_oldest;
    return true;
  }

  /// Follows the record where it may be followed; else says whence and why the session moves. True: decided.
  bool by_record() noexcept {
    if (!decision_.record) {
      return false;
    }
    const record::Record& record = *decision_.record;
    const plan::Persist& persist = *decision_.persist;
    decision_.from = record.backend;
    if (const auto life = plan::life_of(record, persist, question_.now_s); life != plan::Life::going_on) {
      decision_.reason = life == plan::Life::too_old ? Reason::max_life : Reason::idle_timeout;
      return false;
    }
    if (goes_home(record)) {
      return true;
    }
    const auto leave = must_leave(question_.plan, pool_, record.backend, sight_.loads.states, &persist);
    const plan::Backend* backend = bound_backend(question_.plan, pool_, record.backend, &persist);
    const bool refused = !leave && is_tried(*backend);
    if (!leave && !refused && reaches(question_, *backend)) {
      return stays(*backend);
    }
    decision_.reason = refused ? Reason::backend_down : leave.value_or(Reason::model_changed);
    if (decision_.reason == Reason::backend_down && persist.on_down != model::OnDown::reselect) {
      decision_.step = Step::record;
      decision_.refusal = persist.on_down == model::OnDown::reset ? Refusal::reset : Refusal::hold;
      return true;
    }
    return false;
  }

  /// A session that is bound to the backend may not be one more.
  [[nodiscard]] bool is_full(const plan::Backend& backend) const noexcept {
    return backend.max_connections != 0 && !decision_.persist->override_limits &&
           sight_.loads.connections(backend.slot) >= backend.max_connections;
  }

  /// The record's backend can: it takes the flow, unless it is full or the key too heavy for it.
  bool stays(const plan::Backend& backend) noexcept {
    if (is_full(backend)) {
      decision_.reason = Reason::limit;
      return false;
    }
    decision_.backend = &backend;
    decision_.step = Step::record;
    split();
    return true;
  }

  /// The backend that the session left while it was down is up again and takes sessions. Only the pool that saw it down
  /// has it, and so calls the session back.
  bool goes_home(const record::Record& record) noexcept {
    if (record.home == record::at_home || decision_.persist->on_return != model::OnReturn::return_) {
      return false;
    }
    const plan::Choosing choosing = choosing_for(question_, sight_.loads, nullptr);
    const plan::Candidates candidates(choosing);
    const plan::Backend* const bound = bound_backend(question_.plan, pool_, record.backend, decision_.persist);
    for (const plan::Backend& backend : pool_.backends) {
      if (record::home_of(backend.slot) == record.home && &backend != bound &&
          candidates.exclusion(backend) == plan::Exclusion::none) {
        decision_.backend = &backend;
        decision_.step = Step::returned;
        decision_.reason = Reason::backend_up;
        return true;
      }
    }
    return false;
  }

  /// Too heavy for its backend: the key alone exceeds the cap, or half of the cap is the key's and the backend is above
  /// it. (Two such keys may have met on one backend before they grew.)
  [[nodiscard]] bool is_heavy(const plan::Backend& bound, std::int64_t cap, std::int64_t load) const noexcept {
    return load >= cap || (load >= crowd_min && load * 2 >= cap && sight_.loads.connections(bound.slot) >= cap);
  }

  /// A heavy key is spread over the fewest backends that can carry it: the record's and the next ones by rendezvous,
  /// without those above their caps; which of them is a matter of the client port's block.
  void split() noexcept {
    const plan::Persist& persist = *decision_.persist;
    if (persist.heavy_key != model::HeavyKey::split || sight_.key_loads == nullptr) {
      return;
    }
    const plan::Choosing choosing = choosing_for(question_, sight_.loads, &persist);
    const plan::Candidates candidates(choosing);
    const std::int64_t cap = candidates.cap(*decision_.backend);
    const std::int64_t load = sight_.key_loads->estimate(decision_.key_hash);
    if (!is_heavy(*decision_.backend, cap, load)) {
      return;
    }
    const auto members =
        static_cast<unsigned>(std::min<std::int64_t>(load / std::max<std::int64_t>(cap, 1) + 1, split_max));
    const std::uint64_t block = question_.tuple.client_port / ports_a_block;
    const plan::Backend* const bound = decision_.backend;
    const plan::Backend* best = nullptr;
    unsigned taken = 0;
    const auto consider = [&](const plan::Backend& backend) {
      const auto bid = [&](const plan::Backend& one) {
        return hash::candidate_hash(pool_.seed, one.name_hash, decision_.key_hash, block);
      };
      if (candidates.exclusion(backend) != plan::Exclusion::over_cap) {
        best = best == nullptr || bid(backend) < bid(*best) ? &backend : best;
        ++taken;
      }
    };
    consider(*bound);
    const plan::Backend* next = nullptr;
    for (unsigned rank = 0; taken < members && (next = plan::ranked(choosing, choice_key(), rank)) != nullptr; ++rank) {
      if (next != bound) {
        consider(*next);
      }
    }
    if (best == nullptr) {
      return;
    }
    if (best != bound) {
      decision_.backend = best;
      decision_.step = Step::split;
      decision_.reason = Reason::split;
    }
  }

  const Question& question_;
  const Sight& sight_;
  const plan::Service& service_;
  const plan::Pool& pool_;
  Decision decision_;
};

}  // namespace

bool reaches(const Question& question, const plan::Backend& backend) noexcept {
  const plan::Service& service = question.plan.service_of(question.listener);
  return !backend.endpoint(service.family_towards(backend, question.tuple.client.family())).address.is_none();
}

plan::Choosing choosing_for(const Question& question, const plan::Loads& loads, const plan::Persist* persist) noexcept {
  return {.pool = pool_of(question),
          .loads = loads,
          .family = question.tuple.client.family(),
          .any_family = question.listener.local || question.plan.service_of(question.listener).tunnels(),
          .max_imbalance = persist == nullptr ? 0 : persist->max_imbalance,
          .connection = connection_key(question.tuple)};
}

const plan::Backend* bound_backend(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                   const plan::Persist* persist) noexcept {
  const plan::Backend* backend = plan.backend(slot);
  if (backend == nullptr || &plan.pools[plan.backend_of_slot[slot.value()].pool] == &pool) {
    return backend;
  }
  return persist != nullptr && persist->reach == model::Scope::global ? namesake(pool, *backend) : nullptr;
}

std::optional<Reason> must_leave(const plan::Plan& plan, const plan::Pool& pool, BackendSlot slot,
                                 const plan::BackendStates& states, const plan::Persist* persist) noexcept {
  const plan::Backend* backend = bound_backend(plan, pool, slot, persist);
  if (backend == nullptr) {
    return plan.backend(slot) == nullptr ? Reason::backend_removed : Reason::model_changed;
  }
  const plan::BackendState& state = states[backend->slot];
  const Admin admin = state.admin.load(std::memory_order_relaxed);
  if (admin == Admin::offline) {
    return Reason::backend_offline;
  }
  if (admin == Admin::drained) {
    return Reason::drain_expired;
  }
  if (state.health.load(std::memory_order_relaxed) == Health::down) {
    return Reason::backend_down;
  }
  if (admin == Admin::drain && persist != nullptr && persist->on_drain == model::OnDrain::expire) {
    return Reason::drain_expired;
  }
  return std::nullopt;
}

Decision decide(const Question& question, const Sight& sight) noexcept {
  return Decider(question, sight).run();
}

}  // namespace limpet::path
