// Stage 6: the packet is changed into what leaves: TTL, addresses and ports, and the Ethernet header of its next
// hop. Packets whose next hop has no MAC address yet are held.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

void translate(State& state, const plan::Plan& plan, Burst& burst) noexcept;

/// Puts the Ethernet header and VLAN tag of `interface` right before the IP header at `l3_offset`, which moves the
/// start of the frame. False when there is no room for the tag.
bool write_link_header(Packet& packet, std::uint16_t l3_offset, const plan::Interface& interface,
                       const net::Mac& to) noexcept;

}  // namespace limpet::path
