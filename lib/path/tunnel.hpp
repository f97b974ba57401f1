// Packets for backends behind a tunnel: put into one, with what its headers show of the flow inside.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// What routers and the backend's NIC see of a flow inside a tunnel: GUE's source port, IPv6's flow label, and which
/// of the source addresses. Equal on all nodes of one secret.
[[nodiscard]] net::Outer outer_of_flow(const plan::Plan& plan, const plan::Tunnel& tunnel, const net::TupleRead& flow,
                                       const net::IpAddress& backend, InterfaceIndex out) noexcept;

/// The largest packet that fits into a tunnel over links of `mtu`; nobody is asked to send less than an IPv6 link
/// must carry (RFC 8200, section 5).
[[nodiscard]] inline std::uint16_t inner_mtu(std::uint16_t mtu, std::size_t overhead, net::Family inner) noexcept {
  const auto left = static_cast<std::uint16_t>(mtu - std::min<std::size_t>(mtu, overhead));
  return overhead != 0 && inner == net::Family::v6 ? std::max<std::uint16_t>(left, 1280) : left;
}

/// There is an address for the outer source of packets that leave by `out`.
[[nodiscard]] inline bool has_source(const plan::Plan& plan, const plan::Tunnel& tunnel, net::Family outer,
                                     InterfaceIndex out) noexcept {
  return !tunnel.sources[static_cast<std::size_t>(outer)].empty() ||
         plan.interfaces[out.value()].own_address(outer).has_value();
}

/// Puts a packet into the tunnel to a backend's address; `parsed` then tells of the outer packet as far as sizes and
/// offsets go. There is headroom for the tunnel's headers and the link header, and has_source(). False, with no header
/// written: too little of the packet is contiguous.
bool enter_tunnel(State& state, const plan::Plan& plan, const plan::Tunnel& tunnel, const net::IpAddress& backend,
                  InterfaceIndex out, Packet& packet, net::Parsed& parsed) noexcept;

/// Puts the packet into the tunnel to `item.backend`; `parsed` then tells of the outer packet as far as sizes and
/// offsets go. There is headroom for `item.overhead` bytes and the link header. False: dropped.
bool enter_tunnel(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed, Item& item) noexcept;

}  // namespace limpet::path
