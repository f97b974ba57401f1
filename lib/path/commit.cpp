#include "path/commit.hpp"

namespace limpet::path {
namespace {

using counters::Counter;

/// The bound backend of a record that another worker wrote, if this session may use it.
const plan::Backend* others_choice(const State& state, const Question& question, const Decision& decision,
                                   const record::Record& record) noexcept {
  const plan::Pool& pool = question.plan.pool_of(question.plan.service_of(question.listener));
  const plan::Backend* backend = question.plan.backend(record.backend);
  if (backend == nullptr || must_leave(question.plan, pool, record.backend, state.node.backends, decision.persist) ||
      backend->endpoint(question.client.family()).address.is_none()) {
    return nullptr;
  }
  return backend;
}

const plan::Backend* claim(State& state, const Question& question, const Decision& decision) noexcept {
  const record::Claim claim = state.node.records.claim(decision.key, decision.key_hash, decision.backend->slot,
                                                       question.now_s, record::Share::provisional);
  if (claim.outcome == record::Outcome::full) {
    state.counters.add(Counter::record_not_remembered);
  } else if (claim.outcome == record::Outcome::taken) {
    if (const auto* theirs = others_choice(state, question, decision, claim.record)) {
      return theirs;
    }
  }
  return decision.backend;
}

/// A session whose record binds all services of a node keeps it when this pool knows no such backend.
bool binds_elsewhere(const Question& question, const Decision& decision) noexcept {
  return decision.persist->reach == model::Scope::global && decision.reason == Reason::model_changed &&
         question.plan.backend(decision.from) != nullptr;
}

const plan::Backend* move(State& state, const Question& question, const Decision& decision, Millis now_ms) noexcept {
  record::Table& records = state.node.records;
  const BackendSlot to = decision.backend->slot;
  if (decision.from == to) {
    records.touch(decision.key, decision.key_hash, question.now_s);
    return decision.backend;
  }
  if (records.replace(decision.key, decision.key_hash, decision.from, to, question.now_s)) {
    count_move(state, question, decision.persist, decision.from, to, decision.reason, now_ms);
    return decision.backend;
  }
  const auto record = records.find(decision.key, decision.key_hash);
  const auto* theirs = record ? others_choice(state, question, decision, *record) : nullptr;
  return theirs != nullptr ? theirs : decision.backend;
}

}  // namespace

void count_move(State& state, const Question& question, const plan::Persist* persist, BackendSlot from, BackendSlot to,
                Reason reason, Millis now_ms) noexcept {
  add_relaxed(state.moves[static_cast<std::size_t>(reason)], 1);
  const bool v4 = question.client.is_v4();
  const auto length = static_cast<std::uint8_t>(persist == nullptr ? (v4 ? 32 : 128)
                                                : v4               ? persist->prefix4
                                                                   : persist->prefix6);
  const Move move{now_ms, question.client.masked(length), length, reason, question.listener.slot, from, to};
  if (!state.to_control.moves.push(move)) {
    state.counters.add(Counter::events_lost);
  }
}

const plan::Backend* commit(State& state, const Question& question, const Decision& decision, const Previous& previous,
                            Millis now_ms) noexcept {
  if (decision.persist == nullptr) {
    if (previous.backend.valid() && previous.backend != decision.backend->slot) {
      count_move(state, question, nullptr, previous.backend, decision.backend->slot, previous.reason, now_ms);
    }
    return decision.backend;
  }
  if (decision.step == Step::record) {
    state.counters.add(Counter::record_hit);
    state.node.records.touch(decision.key, decision.key_hash, question.now_s);
    return decision.backend;
  }
  state.counters.add(Counter::chosen_by_algorithm);
  if (!decision.record) {
    const plan::Backend* backend = claim(state, question, decision);
    if (previous.backend.valid() && previous.backend != backend->slot) {
      count_move(state, question, decision.persist, previous.backend, backend->slot, previous.reason, now_ms);
    }
    return backend;
  }
  if (binds_elsewhere(question, decision)) {
    return decision.backend;
  }
  return move(state, question, decision, now_ms);
}

}  // namespace limpet::path
