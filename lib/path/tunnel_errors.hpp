// ICMP errors about tunnel packets. Routers on the way to a backend send them to the tunnel's source, which is Limpet;
// the client is told what it means for the packet inside (RFC 2003, section 4; RFC 2473, section 8). No state: what
// the error quotes must be a packet that would leave like that.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// The packet, to an own address, is an ICMP error about a tunnel packet of ours: it is decided. It has become the
/// error for the client, with its route, or was dropped. False: nothing of that kind.
bool relay_tunnel_error(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed, Item& item) noexcept;

}  // namespace limpet::path
