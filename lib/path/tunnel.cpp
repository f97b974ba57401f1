#include "path/tunnel.hpp"

#include <algorithm>

#include "net/headers.hpp"

namespace limpet::path {
namespace {

constexpr std::uint16_t dynamic_ports = 0xc000;  // RFC 6335, section 6

std::uint64_t hash_of(const hash::Key& seed, const net::TupleRead& flow) noexcept {
  const std::uint64_t rest =
      std::uint64_t{flow.protocol} << 32 | std::uint64_t{flow.source_port} << 16 | flow.destination_port;
  const std::uint64_t ends = hash::keyed(seed, flow.source.high() ^ flow.destination.high(),
                                         flow.source.low() ^ std::rotl(flow.destination.low(), 32));
  return hash::keyed(seed, ends, rest);
}

net::TupleRead flow_of(const net::Parsed& parsed) noexcept {
  const bool cut = parsed.fragment;  // only the first of a datagram has ports, and all take one way
  return {parsed.source, parsed.destination, cut ? std::uint16_t{0} : parsed.source_port,
          cut ? std::uint16_t{0} : parsed.destination_port, parsed.protocol};
}

/// IPv4 with DF set (RFC 791, section 3.1); IPv6 is never cut on its way.
bool may_not_be_cut(const std::uint8_t* ip, bool v4) noexcept {
  return !v4 || (load_be<std::uint16_t>(ip + net::ipv4::fragment) & net::ipv4::dont_fragment) != 0;
}

/// Room in front of the IP packet becomes part of the frame: the tunnel's headers and a link header.
void open_room(Packet& packet, net::Parsed& parsed, std::size_t overhead) noexcept {
  const auto grow = static_cast<std::ptrdiff_t>(net::ethernet::size + overhead) - parsed.l3_offset;
  begin_earlier(packet, grow);
  parsed.l4_offset = static_cast<std::uint16_t>(parsed.l4_offset == 0 ? 0 : parsed.l4_offset + grow);
  parsed.l3_offset = static_cast<std::uint16_t>(parsed.l3_offset + grow);
}

}  // namespace

net::Outer outer_of_flow(const plan::Plan& plan, const plan::Tunnel& tunnel, const net::TupleRead& flow,
                         const net::IpAddress& backend, InterfaceIndex out) noexcept {
  const std::uint64_t hash = hash_of(plan.tunnel_seed, flow);
  const auto& sources = tunnel.sources[static_cast<std::size_t>(backend.family())];
  net::Outer outer;
  outer.encap = tunnel.encap;
  outer.source = sources.empty() ? plan.interfaces[out.value()].own_address(backend.family()).value_or(net::IpAddress{})
                                 : sources[(hash >> 40) * sources.size() >> 24];
  outer.destination = backend;
  outer.ttl = tunnel.ttl;
  outer.flow_label = static_cast<std::uint32_t>(hash >> 14) & 0xfffffu;
  outer.source_port = static_cast<std::uint16_t>(dynamic_ports | (hash & 0x3fff));
  outer.destination_port = tunnel.l4_port;
  return outer;
}

bool enter_tunnel(State& state, const plan::Plan& plan, const plan::Tunnel& tunnel, const net::IpAddress& backend,
                  InterfaceIndex out, Packet& packet, net::Parsed& parsed) noexcept {
  net::Outer outer = outer_of_flow(plan, tunnel, flow_of(parsed), backend, out);
  outer.dont_fragment =
      !tunnel.copies_dont_fragment || may_not_be_cut(packet.data + parsed.l3_offset, parsed.source.is_v4());
  outer.identification = outer.dont_fragment ? std::uint16_t{0} : ++state.tunnel_packets;
  const std::size_t overhead = net::encap_size(tunnel.encap, backend.family());
  open_room(packet, parsed, overhead);
  if (!net::encapsulate(packet.data, parsed, packet.contiguous, outer)) {
    return false;
  }
  parsed.l3_offset = static_cast<std::uint16_t>(parsed.l3_offset - overhead);
  parsed.l3_size = static_cast<std::uint16_t>(parsed.l3_size + overhead);
  state.counters.add(Counter::encapsulated);
  return true;
}

bool enter_tunnel(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed, Item& item) noexcept {
  const plan::Service& service = plan.service_of(*item.listener);
  const net::Family family = service.family_towards(*item.backend, parsed.source.family());
  if (!has_source(plan, service.tunnel, family, item.hop.interface)) {
    item.drop(Counter::drop_no_tunnel_source);
    return false;
  }
  const net::IpAddress& backend = item.backend->endpoint(family).address;
  if (!enter_tunnel(state, plan, service.tunnel, backend, item.hop.interface, packet, parsed)) {
    item.drop(Counter::drop_segmented);
    return false;
  }
  return true;
}

}  // namespace limpet::path
