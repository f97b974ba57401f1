#include "path/flows.hpp"

#include "path/admit.hpp"
#include "path/locals.hpp"
#include "path/records.hpp"

namespace limpet::path {

std::uint16_t Flows::timeout_s(const plan::Listener& listener, flow::State state) const noexcept {
  const plan::Timeouts& timeouts = plan_.service_of(listener).timeouts;
  if (state == flow::State::embryonic) {
    return timeouts.embryonic_s;
  }
  if (listener.listen.protocol == net::Protocol::udp) {
    return timeouts.udp_s;
  }
  return state == flow::State::closing ? timeouts.closing_s : timeouts.established_s;
}

void Flows::tell_record(const plan::Listener& listener, const Connection& c, Tick16 used) noexcept {
  Records(state_, plan_, now_ms_ - 1000u * Millis{used.age(tick_)}).refresh(listener, c);
}

void Flows::leave_source(const plan::Listener& listener, const Connection& c) noexcept {
  if (const plan::Gate* const gate = plan_.service_of(listener).gate.get()) {
    leave_place(state_, *gate, c.client);
  }
}

void Flows::count_end(const plan::Listener* listener, const Connection& c, const flow::Value& forward) noexcept {
  const std::uint8_t flags = forward.flags;
  plan::BackendUse& use = state_.uses[forward.peer];
  if ((flags & flow::flag::counted) == 0) {
    add_relaxed(use.connecting, -1);
    const bool unanswered = (flags & flow::flag::answered) == 0;
    if (unanswered && listener != nullptr && listener->listen.protocol == net::Protocol::tcp &&
        is_nat(plan_, *listener)) {
      add_relaxed(use.failed, 1);
    }
  } else {
    add_relaxed(use.flows, -1);
    add_relaxed(use.flows_alone, (flags & flow::flag::recorded) == 0 ? -1 : 0);
    if (listener != nullptr) {
      Records(state_, plan_, 0).count_live(*listener, c, false);
      tell_record(*listener, c, forward.used);
      if ((flags & flow::flag::limited) != 0) {
        leave_source(*listener, c);
      }
    }
  }
  state_.counters.add(counters::Counter::flow_ended);
}

void Flows::end_back(const plan::Listener& listener, const Connection& c, std::uint32_t peer,
                     const net::Endpoint& seen) noexcept {
  const plan::Backend* backend = backend_of(peer);
  const plan::EndpointEntry* endpoint = backend == nullptr ? nullptr : endpoint_of(plan_, listener, *backend, c, seen);
  if (endpoint == nullptr) {
    return;  // swept once its endpoint's slot is seen to be gone
  }
  const auto erase_own = [&](const auto& key) {
    const std::uint64_t hash = state_.flows.hash(key);
    const auto* entry = state_.flows.find(key, hash);
    if (entry != nullptr && entry->peer() == listener.slot.value()) {
      state_.flows.erase(key, hash);
    }
  };
  if (!seen.address.is_none()) {
    const flow::WideKey key = wide_back(*endpoint, c, seen);
    const std::uint64_t hash = state_.flows.hash(key);
    auto* entry = state_.flows.find(key, hash);
    if (entry != nullptr && entry->peer() == listener.slot.value() && is_of(*entry, listener, c) &&
        !rest(plan_.service_of(listener), *entry, tick_)) {
      free_local(state_, key);
      state_.flows.erase(key, hash);
    }
    return;
  }
  is_narrow_back(listener, seen) ? erase_own(narrow_back(*endpoint, c.client, c.client_port))
                                 : erase_own(wide_back(*endpoint, c, seen));
}

}  // namespace limpet::path
