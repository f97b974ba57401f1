#include "path/commit.hpp"

#include "path/claims.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
using counters::ProfileCounter;

/// The bound backend of a record that another worker wrote, if this session may use it.
const plan::Backend* others_choice(const State& state, const Question& question, const Decision& decision,
                                   const record::Record& record) noexcept {
  const plan::Pool& pool = pool_of(question);
  const plan::Backend* backend = bound_backend(question.plan, pool, record.backend, decision.persist);
  if (backend == nullptr || must_leave(question.plan, pool, record.backend, state.node.backends, decision.persist) ||
      !reaches(question, *backend)) {
    return nullptr;
  }
  return backend;
}

/// What can't be remembered goes by rendezvous, which is coherent without memory.
const plan::Backend* without_memory(const State& state, const Question& question, const Decision& decision) noexcept {
  plan::Choosing choosing = choosing_for(question, state.loads(), decision.persist);
  choosing.from_memory = false;
  const plan::Choice choice = plan::choose(choosing, {decision.key.high, decision.key.low});
  return choice.backend != nullptr ? choice.backend : decision.backend;
}

struct Bound {
  const plan::Backend* backend;
  bool theirs;  // another worker was faster
};

Bound claim(State& state, const Question& question, const Decision& decision) noexcept {
  const bool proven = question.payload != nullptr;  // the client's address, by its handshake
  const record::Claim claim =
      proven ? state.node.records.claim(decision.key, decision.key_hash, decision.backend->slot, question.now_s,
                                        record::Share::live, decision.persist->room())
             : state.node.records.claim(decision.key, decision.key_hash, decision.backend->slot, question.now_s,
                                        record::Share::provisional);
  count_claim(state.counters, claim, proven);
  if (claim.outcome == record::Outcome::full) {
    return {without_memory(state, question, decision), false};
  }
  if (claim.outcome == record::Outcome::taken) {
    if (const auto* theirs = others_choice(state, question, decision, claim.record)) {
      return {theirs, true};
    }
  }
  return {decision.backend, false};
}

/// A session whose record binds all services of a node keeps it when this pool knows no such backend.
bool binds_elsewhere(const Question& question, const Decision& decision) noexcept {
  return decision.persist->reach == model::Scope::global && decision.reason == Reason::model_changed &&
         question.plan.backend(decision.from) != nullptr;
}

/// Where the session would return to after a move: the backend that it had to leave while that was down. Of records
/// that bind all services it is the backend that this pool saw down, so that no other pool calls the session back.
std::uint16_t home_after(const Question& question, const Decision& decision, BackendSlot to) noexcept {
  if (decision.reason != Reason::backend_down) {
    return record::at_home;
  }
  std::uint16_t home = decision.record->home;
  if (home == record::at_home) {
    const plan::Pool& pool = pool_of(question);
    const plan::Backend* left = bound_backend(question.plan, pool, decision.from, decision.persist);
    home = record::home_of(left == nullptr ? decision.from : left->slot);
  }
  return home == record::home_of(to) ? record::at_home : home;
}

void count_move(State& state, const Question& question, const Decision& decision, BackendSlot from, BackendSlot to,
                Reason reason, Millis now_ms) noexcept {
  const plan::Persist* persist = decision.persist;
  const bool is_told = question.payload != nullptr && question.payload->told;
  const net::IpAddress& client = is_told ? question.payload->told->client : question.tuple.client;
  const bool v4 = client.is_v4();
  const auto length = static_cast<std::uint8_t>(persist == nullptr ? (v4 ? 32 : 128)
                                                : v4               ? persist->prefix4
                                                                   : persist->prefix6);
  note_move(state, {now_ms, client.masked(length), length, reason, question.listener.slot, from, to, persist != nullptr,
                    decision.key});
}

const plan::Backend* move(State& state, const Question& question, const Decision& decision, Millis now_ms) noexcept {
  record::Table& records = state.node.records;
  const BackendSlot to = decision.backend->slot;
  if (records.replace(decision.key, decision.key_hash, decision.from, to, question.now_s,
                      home_after(question, decision, to))) {
    if (decision.from != to) {
      count_move(state, question, decision, decision.from, to, decision.reason, now_ms);
    }
    return decision.backend;
  }
  // Meanwhile another worker has moved the record, and counted that, or the sweep has ended it.
  const Bound bound = claim(state, question, decision);
  if (!bound.theirs && decision.from != bound.backend->slot) {
    count_move(state, question, decision, decision.from, bound.backend->slot, decision.reason, now_ms);
  }
  return bound.backend;
}

ProfileCounter counter_of(Step step) noexcept {
  switch (step) {
    case Step::token:
      return ProfileCounter::token_hit;
    case Step::record:
    case Step::returned:
    case Step::split:
      return ProfileCounter::record_hit;
    case Step::none:
    case Step::algorithm:
      break;
  }
  return ProfileCounter::chosen;
}

/// At the profile that has decided, and at those that were asked before.
void count_profiles(const State& state, const Question& question, const Decision& decision) noexcept {
  const plan::Service& service = question.plan.service_of(question.listener);
  std::uint32_t unfinished = decision.unfinished;
  for (const plan::Persist& persist : plan::profiles_of(service, question.payload)) {
    if (&persist == decision.persist) {
      return persist.use->add(state.index, counter_of(decision.step));
    }
    persist.use->add(state.index, ProfileCounter::backup);
    if ((unfinished & 1) != 0) {
      persist.use->add(state.index, question.payload->full ? ProfileCounter::oversized : ProfileCounter::timed_out);
    }
    unfinished >>= 1;
  }
}

}  // namespace

void note_move(State& state, const Move& move) noexcept {
  add_relaxed(state.moves[static_cast<std::size_t>(move.reason)], 1);
  if (!state.to_control.moves.push(move)) {
    state.counters.add(Counter::events_lost);
  }
}

const plan::Backend* commit(State& state, const Question& question, const Decision& decision, const Previous& previous,
                            Millis now_ms) noexcept {
  count_profiles(state, question, decision);
  if (decision.step == Step::token) {
    state.counters.add(Counter::token_hit);
    return decision.backend;
  }
  if (decision.step == Step::record) {
    state.counters.add(Counter::record_hit);
    state.node.records.touch(decision.key, decision.key_hash, question.now_s);
    return decision.backend;
  }
  if (decision.step == Step::split) {
    state.counters.add(Counter::record_split);
    state.node.records.touch(decision.key, decision.key_hash, question.now_s);
    count_move(state, question, decision, decision.from, decision.backend->slot, Reason::split, now_ms);
    return decision.backend;
  }
  if (decision.step == Step::returned) {
    return move(state, question, decision, now_ms);
  }
  state.counters.add(Counter::chosen_by_algorithm);
  state.counters.add(Counter::chosen_spilled, decision.spilled ? 1 : 0);
  plan::note_chosen(pool_of(question), state.node.backends, state.uses.get(), *decision.backend);
  if (!decision.record) {
    const plan::Backend* backend =
        decision.persist == nullptr || !decision.remember ? decision.backend : claim(state, question, decision).backend;
    if (previous.backend.valid() && previous.backend != backend->slot) {
      count_move(state, question, decision, previous.backend, backend->slot, previous.reason, now_ms);
    }
    return backend;
  }
  if (binds_elsewhere(question, decision)) {
    return decision.backend;
  }
  return move(state, question, decision, now_ms);
}

}  // namespace limpet::path
