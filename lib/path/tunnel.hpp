// Packets for backends behind a tunnel: put into one, with what its headers show of the flow inside.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// What routers and the backend's NIC see of a flow inside a tunnel, as a number: GUE's source port, IPv6's flow label,
/// and which of several source addresses. Equal on all nodes of one secret; 0 where nothing shows.
[[nodiscard]] inline bool shows_flow(const plan::Tunnel& tunnel, net::Family outer) noexcept {
  return outer == net::Family::v6 || tunnel.encap == net::Encap::gue ||
         tunnel.sources[static_cast<std::size_t>(outer)].size() > 1;
}
[[nodiscard]] inline std::uint64_t shown_of(const plan::Plan& plan, const net::TupleRead& flow) noexcept {
  const std::uint64_t rest =
      std::uint64_t{flow.protocol} << 32 | std::uint64_t{flow.source_port} << 16 | flow.destination_port;
  const std::uint64_t ends = hash::keyed(plan.tunnel_seed, flow.source.high() ^ flow.destination.high(),
                                         flow.source.low() ^ std::rotl(flow.destination.low(), 32));
  return hash::keyed(plan.tunnel_seed, ends, rest);
}

/// The outer source of packets that leave by `out`. Null: there is none.
[[nodiscard]] inline const net::IpAddress* source_of(const plan::Plan& plan, const plan::Tunnel& tunnel,
                                                     net::Family outer, std::uint64_t shown,
                                                     InterfaceIndex out) noexcept {
  const auto& sources = tunnel.sources[static_cast<std::size_t>(outer)];
  return sources.empty() ? plan.interfaces[out.value()].own_address(outer)
                         : &sources[(shown >> 40) * sources.size() >> 24];
}

/// All of the outer headers but DF and identification.
inline void set_outer(net::Outer& outer, const plan::Tunnel& tunnel, std::uint64_t shown, const net::IpAddress& source,
                      const net::IpAddress& backend) noexcept {
  constexpr std::uint16_t dynamic_ports = 0xc000;  // RFC 6335, section 6
  outer.encap = tunnel.encap;
  outer.source = source;
  outer.destination = backend;
  outer.ttl = tunnel.ttl;
  outer.flow_label = static_cast<std::uint32_t>(shown >> 14) & 0xfffffu;
  outer.source_port = static_cast<std::uint16_t>(dynamic_ports | (shown & 0x3fff));
  outer.destination_port = tunnel.l4_port;
}

/// Those two, for the IP packet at `ip`. IPv4 has DF or not (RFC 791, section 3.1); IPv6 is never cut on its way.
inline void set_fragmenting(net::Outer& outer, State& state, const plan::Tunnel& tunnel, const std::uint8_t* ip,
                            bool v4) noexcept {
  outer.dont_fragment = !tunnel.copies_dont_fragment || !v4 ||
                        (load_be<std::uint16_t>(ip + net::ipv4::fragment) & net::ipv4::dont_fragment) != 0;
  outer.identification = outer.dont_fragment ? std::uint16_t{0} : ++state.tunnel_packets;
}

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
