// A backend's packet to a client: it follows its flow's way back. Worker's thread only.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Leaves the packet with the VIP to write and next hop, or with a verdict.
void bind_outward(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, net::Parsed& parsed,
                  Item& item) noexcept;

}  // namespace limpet::path
