// ICMP errors about packets of services' flows: found by the packet that they quote, translated back as NAT had
// translated that packet, and sent to the side that had sent it (RFC 5508, section 4). Worker's thread only.
#pragma once

#include <optional>

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// Says in the item whose error this is: the backend's (Way::error_in), the client's (Way::error_back), to be dropped;
/// false: not about a packet of a service.
bool classify_error(const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed, Item& item) noexcept;

/// The worker of the connection that the error of Way::error_in or error_back is about.
[[nodiscard]] unsigned owner_of_error(const hash::Owner& owner, const Packet& packet, const net::Parsed& parsed,
                                      const Item& item) noexcept;

/// Bind for errors: the quote and the item are made ready to leave, as Way::in or Way::back.
void bind_error(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, const net::Parsed& parsed,
                Item& item) noexcept;

}  // namespace limpet::path
