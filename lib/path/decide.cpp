#include "path/decide.hpp"

namespace limpet::path {
namespace {

using plan::Admin;
using plan::Health;

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

plan::ChoiceKey connection_key(const Question& question) noexcept {
  const net::IpAddress& client = question.client;
  return {client.high() ^ question.client_port, client.low()};
}

void by_algorithm(const Question& question, const plan::Pool& pool, const plan::BackendStates& states,
                  Decision& decision) noexcept {
  const plan::ChoiceKey key =
      decision.persist != nullptr ? plan::ChoiceKey{decision.key.high, decision.key.low} : connection_key(question);
  decision.backend = plan::choose(pool, states, key, question.client.family());
  decision.step = Step::algorithm;
  decision.refusal = decision.backend == nullptr ? Refusal::no_backend : Refusal::none;
}

bool expired(const record::Record& record, const plan::Persist& persist, std::uint32_t now_s) noexcept {
  // Another worker's clock may be a little ahead of this one's: an age below zero is none.
  const auto age_s = static_cast<std::int32_t>(now_s - record.used_s);
  return age_s > 0 && static_cast<std::uint32_t>(age_s) > persist.idle_timeout_s;
}

/// Follows the record where it may be followed; else says whence and why the session moves. True: decided.
bool by_record(const Question& question, const plan::Pool& pool, const plan::BackendStates& states,
               Decision& decision) noexcept {
  if (!decision.record) {
    return false;
  }
  const plan::Persist& persist = *decision.persist;
  decision.from = decision.record->backend;
  if (expired(*decision.record, persist, question.now_s)) {
    decision.reason = Reason::idle_timeout;
    return false;
  }
  const auto leave = must_leave(question.plan, pool, decision.record->backend, states, &persist);
  const plan::Backend* backend = bound_backend(question.plan, pool, decision.record->backend, &persist);
  if (!leave && !backend->endpoint(question.client.family()).address.is_none()) {
    decision.backend = backend;
    decision.step = Step::record;
    return true;
  }
  decision.reason = leave.value_or(Reason::model_changed);
  if (decision.reason == Reason::backend_down && persist.on_down != model::OnDown::reselect) {
    decision.step = Step::record;
    decision.refusal = persist.on_down == model::OnDown::reset ? Refusal::reset : Refusal::hold;
    return true;
  }
  return false;
}

}  // namespace

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
  if (state.health.load(std::memory_order_relaxed) == Health::down) {
    return Reason::backend_down;
  }
  if (admin == Admin::drain && persist != nullptr && persist->on_drain == model::OnDrain::expire) {
    return Reason::drain_expired;
  }
  return std::nullopt;
}

Decision decide(const Question& question, const record::Table& records, const plan::BackendStates& states) noexcept {
  const plan::Service& service = question.plan.service_of(question.listener);
  const plan::Pool& pool = question.plan.pool_of(service);
  Decision decision;
  if (!service.persist.empty()) {  // every type there is yields a key from any packet: the first profile wins
    decision.persist = &service.persist.front();
    decision.key = record::source_key(question.client, decision.persist->prefix4, decision.persist->prefix6,
                                      decision.persist->scope);
    decision.key_hash = records.hash(decision.key);
    decision.record = records.find(decision.key, decision.key_hash);
    if (by_record(question, pool, states, decision)) {
      return decision;
    }
  }
  by_algorithm(question, pool, states, decision);
  return decision;
}

}  // namespace limpet::path
