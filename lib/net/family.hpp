// A TCP or UDP packet of one IP version made one of the other (RFC 7915): its IP header is written anew in front of its
// L4 header, whose checksum is corrected by what the pseudo-header changed. IP options and extension headers end here,
// as the RFC has it; fragments and ICMP are not for here. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

/// By how many bytes the packet grows; a packet of IPv6 shrinks.
[[nodiscard]] inline int crossing_growth(const Parsed& parsed) noexcept {
  const std::size_t header = parsed.source.is_v4() ? ipv6::size : ipv4::size;
  return static_cast<int>(header) - (parsed.l4_offset - parsed.l3_offset);
}

/// Whether the parsed packet, whose first `contiguous` bytes can be read, can be translated. Not: a fragment, another
/// protocol, one with a source route to follow, an authenticated one, one without a UDP checksum that is not at hand
/// as a whole (sections 4.1, 4.5 and 5.1).
[[nodiscard]] bool can_cross(const std::uint8_t* frame, std::size_t contiguous, const Parsed& parsed) noexcept;

/// New ends of a packet, of its new family; port 0 keeps the packet's. `identification`: of an IPv4 packet that routers
/// may cut.
struct Crossing {
  Endpoint source, destination;
  std::uint16_t identification = 0;
};
/// Writes the new header right before the L4 header, so up to crossing_growth() bytes before the old one. The packet
/// can_cross(). TTL and traffic class are taken over, the flow label is 0.
void cross(std::uint8_t* frame, const Parsed& parsed, const Crossing& to) noexcept;

}  // namespace limpet::net
