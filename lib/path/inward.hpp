// A client's packet to a service: it follows its flow, or a new flow begins. Worker's thread only.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Leaves the packet with backend and next hop, or with a verdict.
void bind_inward(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, const net::Parsed& parsed,
                 Item& item) noexcept;

}  // namespace limpet::path
