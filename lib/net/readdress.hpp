// NAT of a plain packet in one go: one side's address and port, and the TTL, with both checksums corrected by what
// changed (RFC 1624). Plain: no VLAN tag, no IP options or extension headers, TCP or UDP; what rewrite.hpp and
// decrement_ttl() do to any packet, a test compares the two.
#pragma once

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace limpet::net {

/// Where things lie in a plain packet's IP header.
struct PlainV4 {
  static constexpr std::size_t header = ipv4::size, address_bytes = 4;
  static constexpr std::size_t source = ipv4::source, destination = ipv4::destination;
};
struct PlainV6 {
  static constexpr std::size_t header = ipv6::size, address_bytes = 16;
  static constexpr std::size_t source = ipv6::source, destination = ipv6::destination;
};

namespace detail {

[[gnu::always_inline]] inline void correct(std::uint8_t* field, std::uint64_t change) noexcept {
  const auto sum =
      static_cast<std::uint16_t>(~fold(change + static_cast<std::uint16_t>(~load_raw<std::uint16_t>(field))));
  std::memcpy(field, &sum, sizeof sum);
}

/// One off the TTL (the first byte of its word of the sum) or the hop limit. It is at least 1.
template <class Plain>
[[gnu::always_inline]] inline void decrement_plain(std::uint8_t* ip, std::uint64_t change) noexcept {
  constexpr std::size_t at = Plain::header == ipv4::size ? ipv4::ttl : ipv6::hop_limit;
  ip[at] = static_cast<std::uint8_t>(ip[at] - 1);
  if constexpr (Plain::header == ipv4::size) {
    const auto minus_one = static_cast<std::uint16_t>(~be16(0x0100).raw());
    correct(ip + ipv4::checksum, change + minus_one);
  }
}

}  // namespace detail

/// Only the TTL.
template <class Plain>
[[gnu::always_inline]] inline void forward_plain(std::uint8_t* ip) noexcept {
  detail::decrement_plain<Plain>(ip, 0);
}

namespace detail {

/// Writes an address; what that changes in a sum.
template <class Plain>
[[gnu::always_inline]] inline std::uint64_t put_address(std::uint8_t* at, const std::uint8_t* address) noexcept {
  std::uint64_t change = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < Plain::address_bytes; i += 4) {
    change += static_cast<std::uint32_t>(~load_raw<std::uint32_t>(at + i));
    change += load_raw<std::uint32_t>(address + i);
  }
  std::memcpy(at, address, Plain::address_bytes);
  return change;
}

/// Likewise a port; 0 keeps what is there.
[[gnu::always_inline]] inline std::uint64_t put_port(std::uint8_t* at, std::uint16_t l4_port) noexcept {
  const auto old_port = load_raw<std::uint16_t>(at);
  const std::uint16_t new_port = l4_port == 0 ? old_port : l4_port;
  std::memcpy(at, &new_port, sizeof new_port);
  return std::uint64_t{static_cast<std::uint16_t>(~old_port)} + new_port;
}

/// Corrects the checksum of TCP or UDP, where there is one.
[[gnu::always_inline]] inline void correct_l4(std::uint8_t* l4, std::uint8_t protocol, std::uint64_t change) noexcept {
  if (protocol == ip_protocol::tcp) {
    correct(l4 + tcp::checksum, change);
  } else if (load_raw<std::uint16_t>(l4 + udp::checksum) != 0) {
    correct(l4 + udp::checksum, change);
    if (load_raw<std::uint16_t>(l4 + udp::checksum) == 0) {
      std::memset(l4 + udp::checksum, 0xff, 2);
    }
  }
}

}  // namespace detail

/// `source`: that side, else the destination. `address`: as in a packet; `l4_port` too, 0 keeps the packet's.
template <class Plain, bool source>
[[gnu::always_inline]] inline void readdress_plain(std::uint8_t* ip, std::uint8_t protocol, const std::uint8_t* address,
                                                   std::uint16_t l4_port) noexcept {
  std::uint64_t change = detail::put_address<Plain>(ip + (source ? Plain::source : Plain::destination), address);
  detail::decrement_plain<Plain>(ip, change);
  std::uint8_t* const l4 = ip + Plain::header;
  change += detail::put_port(l4 + (source ? tcp::source_port : tcp::destination_port), l4_port);
  detail::correct_l4(l4, protocol, change);
}

/// An end of a flow, as in a packet; port 0 keeps the packet's.
struct PlainEnd {
  const std::uint8_t* address;
  std::uint16_t l4_port;
};

/// Both sides.
template <class Plain>
[[gnu::always_inline]] inline void readdress_plain(std::uint8_t* ip, std::uint8_t protocol, const PlainEnd& source,
                                                   const PlainEnd& destination) noexcept {
  std::uint64_t change = detail::put_address<Plain>(ip + Plain::source, source.address);
  change += detail::put_address<Plain>(ip + Plain::destination, destination.address);
  detail::decrement_plain<Plain>(ip, change);
  std::uint8_t* const l4 = ip + Plain::header;
  change += detail::put_port(l4 + tcp::source_port, source.l4_port);
  change += detail::put_port(l4 + tcp::destination_port, destination.l4_port);
  detail::correct_l4(l4, protocol, change);
}

}  // namespace limpet::net
