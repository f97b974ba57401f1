// The lanes that a burst takes. Each kind of node has a source file of its own for them, express.cpp and
// express_local.cpp, so that the compiler puts all of a lane in one place.
#pragma once

#include "path/lane.hpp"

namespace limpet::path {

/// `Locals`: the lanes of full NAT, tried first.
template <class Locals>
unsigned take_lanes(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  Lane<wire::V4> v4(state, plan, burst);
  Lane<wire::V6> v6(state, plan, burst);
  Locals locals(state, plan, burst);
  for (unsigned i = 0; i < burst.count; ++i) {
    const Packet& packet = burst.packets[i];
    if (packet.contiguous != packet.size || packet.size < v4.packet_min) {
      continue;
    }
    const auto type = net::detail::load_raw<std::uint16_t>(packet.data + net::ethernet::type);
    if (type == be16(net::ether_type::ipv4).raw()) {
      locals.read_v4(i) || v4.read(i);
    } else if (type == be16(net::ether_type::ipv6).raw() && packet.size >= v6.packet_min) {
      locals.read_v6(i) || v6.read(i);
    }
  }
  return v4.finish() + v6.finish() + locals.finish();
}

/// With full NAT's lanes.
unsigned express_local(State& state, const plan::Plan& plan, Burst& burst) noexcept;

}  // namespace limpet::path
