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

/// Puts the packet into the tunnel to `item.backend`; `parsed` then tells of the outer packet as far as sizes and
/// offsets go. There is headroom for `item.overhead` bytes and the link header. False: dropped.
bool enter_tunnel(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed, Item& item) noexcept;

}  // namespace limpet::path
