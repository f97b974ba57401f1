// The ways out of bind: towards the backend of a flow, by a route, by an interface's transit rule. For packets of
// flows, and for what follows them: ICMP errors and later fragments. Worker's thread only.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// To `item.backend` as the service of `item.listener` forwards; or dropped, where there is no way to it.
void leave_for_backend(State& state, const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed,
                       Item& item) noexcept;

/// By the route to `destination`. False: there is none, and the packet is dropped.
bool leave_by_route(const plan::Plan& plan, const net::IpAddress& destination, Item& item) noexcept;

/// What belongs to no service follows the transit rule of its interface; `otherwise`: of a drop.
void leave_in_transit(State& state, const plan::Plan& plan, const net::Parsed& parsed, Item& item,
                      Counter otherwise) noexcept;

/// The hop itself, or of several gateways the flow's own among those that answer.
[[nodiscard]] plan::Hop hop_of_flow(const State& state, const plan::Plan& plan, const plan::Hop& hop,
                                    std::uint64_t flow) noexcept;

}  // namespace limpet::path
