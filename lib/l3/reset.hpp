// TCP resets (RFC 9293, section 3.10.7): a segment turned into the reset that answers it, and one made anew for the
// other side of its connection. Pure functions over bytes; any thread. 0: impossible or forbidden.
#pragma once

#include "l3/messages.hpp"

namespace limpet::l3 {

/// The reset that answers the segment, back to the MAC it came from, from `own`. Tags stay; IP options, extension
/// headers and payload go. Not for resets, fragments, or anything but TCP.
[[nodiscard]] std::size_t reset_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept;

/// Ends of a connection and the numbers of a segment from `source`.
struct Segment {
  net::Endpoint source;
  net::Endpoint destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
};
struct To {
  Mac from;
  Mac to;
  std::uint16_t vlan = 0;
};
/// A frame with RST and ACK set. Returns its size.
[[nodiscard]] std::size_t make_reset(std::span<std::uint8_t> out, const To& link, const Segment& segment) noexcept;

}  // namespace limpet::l3
