// TCP segments of its own that the path sends: an answer to whoever sent the packet in hand, and resets to either side
// of its connection.
// Worker's thread only.
#pragma once

#include "l3/segment.hpp"
#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// The packet becomes the reset that answers it (RFC 9293, section 3.10.7.1), back by the port it came from; a reset
/// is not answered. What can't be is dropped for `otherwise`. Not TCP: dropped likewise.
void reset_sender(State& state, const plan::Plan& plan, Packet& packet, const net::Parsed& parsed, Item& item,
                  Counter otherwise) noexcept;

/// The packet becomes `segment`, from whom it was for to whom it came from; what can't be is dropped for `otherwise`.
void answer_sender(const plan::Plan& plan, Packet& packet, const net::Parsed& parsed, Item& item,
                   const l3::Segment& segment, Counter otherwise) noexcept;

/// A reset for the receiver of the packet in hand, as if its sender had sent it: from `source` to `destination` with
/// the packet's numbers. Lost when the next hop's MAC address is not known or control's ring is full.
void reset_receiver(State& state, const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed,
                    const net::Endpoint& source, const net::Endpoint& destination) noexcept;

}  // namespace limpet::path
