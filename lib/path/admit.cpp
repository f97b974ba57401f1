#include "path/admit.hpp"

#include <algorithm>

namespace limpet::path {
namespace {

using plan::Gate;
using plan::Instant;

/// Keyed, as clients choose their addresses.
std::uint64_t hash_of(const State& state, const Gate& gate, const net::IpAddress& source) noexcept {
  return state.node.records.hash({source.high(), source.low(), gate.id, true});
}

bool is_full(const Gate& gate, const SourceUse* source) noexcept {
  return gate.connections != 0 && source != nullptr && source->connections >= gate.connections;
}

SourceUse* take_source(State& state, const Visitor& visitor, const net::IpAddress& address,
                       std::uint64_t hash) noexcept {
  const auto& ids = visitor.plan.gate_ids;
  SourceUse* const source = state.sources.take(visitor.gate.id, address, hash, [&](std::uint32_t id) {
    return !std::binary_search(ids.begin(), ids.end(), id);
  });
  state.counters.add(Counter::source_unwatched, source == nullptr ? 1 : 0);
  return source;
}

/// One more connection of the source, whatever the limit.
Place take_place(State& state, const Visitor& visitor, const net::IpAddress& address, std::uint64_t hash) noexcept {
  SourceUse* const source = take_source(state, visitor, address, hash);
  if (source == nullptr) {
    return Place::unasked;
  }
  ++source->connections;
  return Place::taken;
}

/// Of the bucket that all workers share: false when it is empty.
bool take_from_service(const Gate& gate, Instant now) noexcept {
  std::atomic<Instant>& due = gate.use->due;
  Instant seen = due.load(std::memory_order_relaxed);
  while (gate.service.admits(seen, now)) {
    if (due.compare_exchange_weak(seen, gate.service.next(seen, now), std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

/// What is looked at but not changed.
struct Look {
  Admission admission = Admission::admitted;
  net::IpAddress address;  // of the source, where sources are limited
  std::uint64_t hash = 0;
};

Look look(const State& state, const Visitor& visitor, Instant now) noexcept {
  const Gate& gate = visitor.gate;
  if (gate.has_access && !gate.access.allows(visitor.client)) {
    return {Admission::denied, {}, 0};
  }
  Look found;
  if (gate.source.limits() || gate.connections != 0) {
    found.address = gate.source_of(visitor.client);
    found.hash = hash_of(state, gate, found.address);
    const SourceUse* const source = state.sources.find(gate.id, found.address, found.hash);
    if (source != nullptr && gate.source.limits() && !gate.source.admits(source->due, now)) {
      found.admission = Admission::limit_source;
    } else if (is_full(gate, source)) {
      found.admission = Admission::limit_connections;
    }
  }
  if (found.admission == Admission::admitted && gate.service.limits() &&
      !gate.service.admits(gate.use->due.load(std::memory_order_relaxed), now)) {
    found.admission = Admission::limit_service;
  }
  return found;
}

}  // namespace

Admission admission(const State& state, const Visitor& visitor, Millis now_ms) noexcept {
  return look(state, visitor, plan::instant_of(now_ms)).admission;
}

Admission admit(State& state, const Visitor& visitor, Millis now_ms) noexcept {
  const Gate& gate = visitor.gate;
  const Instant now = plan::instant_of(now_ms);
  Look found = look(state, visitor, now);
  if (found.admission == Admission::admitted && gate.service.limits() && !take_from_service(gate, now)) {
    found.admission = Admission::limit_service;  // another worker's client was faster
  }
  if (found.admission != Admission::admitted) {
    gate.use->count(state.index, found.admission);
    return found.admission;
  }
  if (gate.source.limits()) {
    if (SourceUse* const source = take_source(state, visitor, found.address, found.hash)) {
      source->due = gate.source.next(source->due, now);
    }
  }
  return Admission::admitted;
}

Counter drop_of(Admission refused) noexcept {
  switch (refused) {
    case Admission::denied:
      return Counter::drop_denied;
    case Admission::limit_source:
      return Counter::drop_limit_source;
    case Admission::limit_connections:
      return Counter::drop_limit_connections;
    case Admission::limit_service:
    case Admission::admitted:
      break;
  }
  return Counter::drop_limit_service;
}

Place take_place(State& state, const Visitor& visitor) noexcept {
  const Gate& gate = visitor.gate;
  if (gate.connections == 0) {
    return Place::unasked;
  }
  const net::IpAddress address = gate.source_of(visitor.client);
  const std::uint64_t hash = hash_of(state, gate, address);
  if (is_full(gate, state.sources.find(gate.id, address, hash))) {
    gate.use->count(state.index, Admission::limit_connections);
    return Place::none;
  }
  return take_place(state, visitor, address, hash);
}

Place keep_place(State& state, const Visitor& visitor) noexcept {
  if (visitor.gate.connections == 0) {
    return Place::unasked;
  }
  const net::IpAddress address = visitor.gate.source_of(visitor.client);
  return take_place(state, visitor, address, hash_of(state, visitor.gate, address));
}

void leave_place(State& state, const Gate& gate, const net::IpAddress& client) noexcept {
  const net::IpAddress address = gate.source_of(client);
  SourceUse* const source = state.sources.find(gate.id, address, hash_of(state, gate, address));
  if (source != nullptr && source->connections != 0) {
    --source->connections;
  }
}

}  // namespace limpet::path
