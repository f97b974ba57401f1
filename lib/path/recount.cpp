#include "path/recount.hpp"

#include <algorithm>

#include "path/admit.hpp"
#include "path/flows.hpp"
#include "path/records.hpp"

namespace limpet::path {

namespace {

/// By how much the numbers of both sides of a flow's connection differ is known. A local port that rests has no flow.
template <class Key>
bool is_joined(const State& state, const plan::Listener& listener, const Key& key,
               const flow::Entry<Key>& entry) noexcept {
  if ((entry.flags() & flow::flag::rests) != 0 && key.direction == flow::Direction::back) {
    return listener.splices;
  }
  splice::ConnectionKey connection{{}, key.client_port, static_cast<std::uint16_t>(listener.slot.value())};
  if constexpr (std::is_same_v<Key, flow::NarrowKey>) {
    connection.client = net::IpAddress::v4(key.client);
  } else {
    const bool back = key.direction == flow::Direction::back;
    const flow::Carried carried = entry.carried();
    connection.client = back && (entry.flags() & flow::flag::local) != 0 ? carried.vip : key.client;
    connection.client_port = back && carried.translated_port != 0 ? carried.translated_port : key.client_port;
  }
  const splice::Entry* const joint = state.spliced.find(connection);
  return joint != nullptr && joint->phase == splice::Phase::spliced;
}

}  // namespace

void recount(State& state, const plan::Plan& plan) noexcept {
  Records records(state, plan, 0);
  state.flows.each([&](const auto& key, auto& entry) {
    const bool forward = key.direction == flow::Direction::forward;
    const plan::Listener* const listener = plan.listener(ListenerSlot(forward ? key.slot : entry.peer()));
    if (listener != nullptr && listener->splices != is_joined(state, *listener, key, entry)) {
      return flow::Sweep::erase;
    }
    if (!forward) {
      const bool local = (entry.flags() & flow::flag::local) != 0 && key.slot < plan::endpoint_slots_max;
      add_relaxed(state.local_ports[local ? key.slot : 0], local ? 1 : 0);
      return flow::Sweep::keep;
    }
    if (entry.peer() >= state.node.backends.count()) {
      return flow::Sweep::keep;
    }
    plan::BackendUse& use = state.uses[entry.peer()];
    const bool counted = (entry.flags() & flow::flag::counted) != 0;
    add_relaxed(counted ? use.flows : use.connecting, 1);
    add_relaxed(use.flows_alone, counted && (entry.flags() & flow::flag::recorded) == 0 ? 1 : 0);
    // Tables of older versions have this bit for another reason.
    auto flags = static_cast<std::uint8_t>(entry.flags() & ~flow::flag::limited);
    if (counted && listener != nullptr) {
      const Connection c = connection_of(*listener, key);
      records.count_live(*listener, c, true);
      const plan::Gate* const gate = plan.service_of(*listener).gate.get();
      const bool limited = gate != nullptr && entry.state() != flow::State::closing &&
                           keep_place(state, {plan, *gate, c.client}) == Place::taken;
      flags |= limited ? flow::flag::limited : std::uint8_t{0};
    }
    entry.set_flags(flags);
    return flow::Sweep::keep;
  });
  state.spliced.each([&](splice::Entry& entry) {
    if (!Flows(state, plan, 0).has_flow(entry)) {
      state.spliced.erase(entry);
    }
  });
}

void sum_connections(std::span<State* const> workers, BackendSlot slot, plan::BackendStates& backends) noexcept {
  std::int64_t sum = 0;
  for (State* worker : workers) {
    plan::BackendUse& use = worker->uses[slot.value()];
    const std::int64_t part = use.connections();
    use.summed.store(part, std::memory_order_relaxed);
    sum += part;
  }
  backends[slot].connections.store(std::max<std::int64_t>(sum, 0), std::memory_order_relaxed);
}

}  // namespace limpet::path
