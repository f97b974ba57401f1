#include "path/tunnel.hpp"

#include <algorithm>

#include "net/headers.hpp"

namespace limpet::path {
namespace {

net::TupleRead flow_of(const net::Parsed& parsed) noexcept {
  const bool cut = parsed.fragment;  // only the first of a datagram has ports, and all take one way
  return {parsed.source, parsed.destination, cut ? std::uint16_t{0} : parsed.source_port,
          cut ? std::uint16_t{0} : parsed.destination_port, parsed.protocol};
}

/// Room in front of the IP packet becomes part of the frame: the tunnel's headers and a link header.
void open_room(Packet& packet, net::Parsed& parsed, std::size_t overhead) noexcept {
  const auto grow = static_cast<std::ptrdiff_t>(net::ethernet::size + overhead) - parsed.l3_offset;
  begin_earlier(packet, grow);
  parsed.l4_offset = static_cast<std::uint16_t>(parsed.l4_offset == 0 ? 0 : parsed.l4_offset + grow);
  parsed.l3_offset = static_cast<std::uint16_t>(parsed.l3_offset + grow);
}

}  // namespace

bool enter_tunnel(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed, Item& item) noexcept {
  const plan::Service& service = plan.service_of(*item.listener);
  const plan::Tunnel& tunnel = service.tunnel;
  const net::Family family = service.family_towards(*item.backend, parsed.source.family());
  const std::uint64_t shown = shows_flow(tunnel, family) ? shown_of(plan, flow_of(parsed)) : 0;
  net::Outer outer;
  const net::IpAddress* const source = source_of(plan, tunnel, family, shown, item.hop.interface);
  if (source == nullptr) {
    item.drop(Counter::drop_no_tunnel_source);
    return false;
  }
  set_outer(outer, tunnel, shown, *source, item.backend->endpoint(family).address);
  set_fragmenting(outer, state, tunnel, packet.data + parsed.l3_offset, parsed.source.is_v4());
  const std::size_t overhead = net::encap_size(tunnel.encap, family);
  open_room(packet, parsed, overhead);
  if (!net::encapsulate(net::inner_of(packet.data, parsed, packet.contiguous), outer)) {
    item.drop(Counter::drop_segmented);
    return false;
  }
  parsed.l3_offset = static_cast<std::uint16_t>(parsed.l3_offset - overhead);
  parsed.l3_size = static_cast<std::uint16_t>(parsed.l3_size + overhead);
  state.counters.add(Counter::encapsulated);
  return true;
}

}  // namespace limpet::path
