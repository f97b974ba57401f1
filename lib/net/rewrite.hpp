// Edits of a parsed packet in place: addresses and ports (NAT), TTL. Checksums are corrected by what changed
// (RFC 1624), never computed anew, so that a packet damaged before Limpet stays detectably damaged behind it.
// Parsed is not updated; the caller keeps what it was.
#pragma once

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

namespace detail {

/// Places of one side of a packet (source or destination) in its headers.
struct Side {
  std::size_t v4_address, v6_address, l4_port;
};
inline constexpr Side source_side{ipv4::source, ipv6::source, tcp::source_port};
inline constexpr Side destination_side{ipv4::destination, ipv6::destination, tcp::destination_port};

inline void rewrite(std::uint8_t* frame, const Parsed& parsed, const Side& side, const Endpoint& to) noexcept {
  std::uint8_t* const ip = frame + parsed.l3_offset;
  const bool v4 = to.address.is_v4();
  std::uint8_t* const address = ip + (v4 ? side.v4_address : side.v6_address);
  const std::size_t size = v4 ? 4 : 16;
  Delta delta;
  delta.change(address, to.address.wire_bytes(), size);
  std::memcpy(address, to.address.wire_bytes(), size);
  if (v4) {
    delta.apply(ip + ipv4::checksum);
  }
  if (parsed.l4_offset == 0) {
    return;
  }
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const bool is_tcp = parsed.protocol == ip_protocol::tcp;
  const bool is_udp = parsed.protocol == ip_protocol::udp;
  if ((is_tcp || is_udp) && to.l4_port != 0) {
    const be16 l4_port(to.l4_port);
    delta.change(l4 + side.l4_port, &l4_port, sizeof l4_port);
    std::memcpy(l4 + side.l4_port, &l4_port, sizeof l4_port);
  }
  if (is_tcp) {
    delta.apply(l4 + tcp::checksum);
  } else if (is_udp) {
    delta.apply_udp(l4 + udp::checksum);
  } else if (!v4 && parsed.protocol == ip_protocol::icmpv6) {
    delta.apply(l4 + icmp::checksum);  // covers the addresses, unlike ICMP's (RFC 4443, section 2.3)
  }
}

}  // namespace detail

/// Sets the destination; port 0 keeps the packet's. `to.address` is of the packet's family. ICMP echo
/// identifiers are left alone. The packet was parsed without an error and lies contiguous up to its L4 header's end.
inline void rewrite_destination(std::uint8_t* frame, const Parsed& parsed, const Endpoint& to) noexcept {
  detail::rewrite(frame, parsed, detail::destination_side, to);
}

/// Sets the source; otherwise as rewrite_destination.
inline void rewrite_source(std::uint8_t* frame, const Parsed& parsed, const Endpoint& to) noexcept {
  detail::rewrite(frame, parsed, detail::source_side, to);
}

/// One off the TTL or hop limit, which the caller has seen to be at least 1 (RFC 1812, section 5.3.1).
inline void decrement_ttl(std::uint8_t* frame, const Parsed& parsed) noexcept {
  std::uint8_t* const ip = frame + parsed.l3_offset;
  if (parsed.source.is_v4()) {
    const auto before = load_be<std::uint16_t>(ip + ipv4::ttl);  // TTL and protocol: one word of the sum
    const auto after = static_cast<std::uint16_t>(before - 0x0100);
    Delta delta;
    delta.change16(before, after);
    store_be<std::uint16_t>(ip + ipv4::ttl, after);
    delta.apply(ip + ipv4::checksum);
  } else {
    ip[ipv6::hop_limit] = static_cast<std::uint8_t>(ip[ipv6::hop_limit] - 1);
  }
}

}  // namespace limpet::net
