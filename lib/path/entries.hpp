// Entries of flows that begin. Worker's thread only.
#pragma once

#include "path/state.hpp"

namespace limpet::path {

/// The key is absent. Another embryonic flow may have to make room: counted.
template <class Key>
void insert_embryonic(State& state, const Key& key, std::uint64_t hash, const flow::Value& value,
                      const flow::Carried& carried) noexcept {
  flow::Evicted evicted;
  state.flows.insert(key, hash, value, carried, evicted);
  if (evicted.any && evicted.direction == flow::Direction::forward) {
    add_relaxed(state.uses[evicted.value.peer].connecting, -1);
    state.counters.add(counters::Counter::flow_ended);
  } else if (evicted.any && (evicted.value.flags & flow::flag::local) != 0) {
    add_relaxed(state.local_ports[evicted.slot], -1);
  }
}

}  // namespace limpet::path
