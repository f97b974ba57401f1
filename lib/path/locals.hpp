// Local ports of full NAT: which local address and port stand for a client towards a backend. What is taken is what the
// flow table has back entries for, so that it needs no memory of its own and survives a restart; one port serves as
// many backends as there are. A port whose flow has ended rests: its entry stays for a while. Worker's thread only.
#pragma once

#include <optional>

#include "path/flow_keys.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Ports below are left to services (RFC 6335, section 6).
inline constexpr unsigned local_port_first = 1024;
/// Of a worker's share of an endpoint's local ports; above it they are scarce.
inline constexpr unsigned scarce_percent = 80;

/// A local address and port that no flow to the endpoint has and the worker owns the answers to, drawn at random (RFC
/// 6056, section 3.3), or nothing after as many draws as are made at most. `key`: of the flow's forward entry.
std::optional<net::Endpoint> draw_local(State& state, const plan::Plan& plan, const plan::Listener& listener,
                                        const plan::Backend& backend, const plan::EndpointEntry& endpoint,
                                        const Connection& c) noexcept;

/// Local ports that one worker may use towards an endpoint of the family.
[[nodiscard]] std::uint64_t local_ports_of(const hash::Owner& owner, unsigned worker, const plan::Service& service,
                                           net::Family family) noexcept;

/// A back entry was made or erased.
inline void take_local(State& state, const flow::WideKey& key) noexcept {
  add_relaxed(state.local_ports[key.slot], 1);
}
inline void free_local(State& state, const flow::WideKey& key) noexcept {
  add_relaxed(state.local_ports[key.slot], -1);
}

/// The port of a back entry whose flow is over begins to rest; false: there is no need. A backend that never answered
/// remembers nothing of it.
inline bool rest(const plan::Service& service, flow::WideEntry& entry, Tick16 tick) noexcept {
  if (service.timeouts.local_port_s == 0 || (entry.flags() & flow::flag::answered) == 0) {
    return false;
  }
  entry.set_flags(entry.flags() | flow::flag::rests);
  entry.touch(tick);
  return true;
}

}  // namespace limpet::path
