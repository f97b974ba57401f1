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

/// A local port at rest gives way to a flow whose key is to lie where its entry does. False: there is none.
inline bool end_a_rest(State& state, std::uint64_t hash) noexcept {
  const auto& live = state.flows.live_share<flow::WideKey>();
  for (auto* bucket : {&live.first(hash), &live.second(hash)}) {
    for (const auto& entry : bucket->entries) {
      if (entry.valid() && (entry.flags() & flow::flag::rests) != 0) {
        const flow::WideKey key = entry.key();
        if (key.direction == flow::Direction::forward) {
          continue;  // the bit means another thing there
        }
        add_relaxed(state.local_ports[key.slot], -1);
        return state.flows.erase(key, state.flows.hash(key));
      }
    }
  }
  return false;
}

/// Makes an embryonic entry lasting. Null: there is no room, or no such entry.
template <class Key>
flow::Entry<Key>* promote(State& state, const Key& key, std::uint64_t hash) noexcept {
  flow::Entry<Key>* entry = state.flows.promote(key, hash);
  if constexpr (std::is_same_v<Key, flow::WideKey>) {
    if (entry == nullptr && end_a_rest(state, hash)) {
      entry = state.flows.promote(key, hash);
    }
  }
  return entry;
}

}  // namespace limpet::path
