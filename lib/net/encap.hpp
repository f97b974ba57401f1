// Tunnels: headers that go in front of a whole IP packet, and how they are found again in what ICMP errors quote.
// IP in IP (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784, RFC 7676) and GUE, variant 0. Bytes in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "net/address.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

enum class Encap : std::uint8_t { ipip, gre, gue };

struct Outer {
  Encap encap = Encap::ipip;
  IpAddress source;
  IpAddress destination;  // of the source's family
  std::uint8_t ttl = 64;
  bool dont_fragment = true;         // IPv4
  std::uint16_t identification = 0;  // IPv4
  std::uint32_t flow_label = 0;      // IPv6, 20 bits
  std::uint16_t source_port = 0;     // gue
  std::uint16_t destination_port = 0;
};

constexpr std::size_t encap_size_max = ipv6::size + udp::size + gue::size;

/// Bytes that a tunnel puts in front of a packet.
[[nodiscard]] constexpr std::size_t encap_size(Encap encap, Family outer) noexcept {
  const std::size_t ip = outer == Family::v4 ? ipv4::size : ipv6::size;
  return ip + (encap == Encap::gre ? gre::size : encap == Encap::gue ? udp::size + gue::size : std::size_t{0});
}

/// An IP packet that is to get headers in front.
struct Inner {
  std::uint8_t* ip;
  std::uint16_t size;      // of the IP packet
  std::uint16_t readable;  // of it, contiguous
  std::uint8_t protocol;
  bool v4;     // else IPv6
  bool plain;  // no fragment, and the L4 header follows right behind a header without options
};
/// Of the IP packet at `parsed.l3_offset` of `frame`, of which `readable` bytes lie contiguous.
[[nodiscard]] Inner inner_of(std::uint8_t* frame, const Parsed& parsed, std::size_t readable) noexcept;

/// Writes the outer headers right before a packet; those bytes are writable. The traffic class is the inner packet's,
/// ECN with it (RFC 6040, section 4.1). False, with nothing written: GUE in IPv6 needs a checksum over bytes that lie
/// elsewhere.
[[nodiscard]] bool encapsulate(const Inner& inner, const Outer& outer) noexcept;

/// A tunnel's headers, read from the beginning of a packet that may be cut short.
struct OuterRead {
  Encap encap = Encap::ipip;
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;  // gue
  std::uint16_t destination_port = 0;
  std::size_t inner_offset = 0;  // where the inner IP header starts
};
/// Nothing: these are no such headers, or not all of them are here.
[[nodiscard]] std::optional<OuterRead> read_outer(std::span<const std::uint8_t> packet) noexcept;

/// Who talks to whom in a TCP or UDP packet of which at least the addresses and ports are here.
struct TupleRead {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  bool fragment = false;  // the first of several
};
/// Nothing: it is another protocol, a later fragment, has other IPv6 extension headers, or less of it is here.
[[nodiscard]] std::optional<TupleRead> read_tuple(std::span<const std::uint8_t> packet) noexcept;

}  // namespace limpet::net
