// What is known of a packet after parsing: one struct for IPv4 and IPv6, so that later stages do not care.
#pragma once

#include <cstdint>

#include "net/address.hpp"

namespace limpet::net {

enum class Kind : std::uint8_t {
  ip,  // IPv4 or IPv6; `source.family()` tells
  arp,
  other,  // any other EtherType
};

/// Why a frame can't be used; each has a drop counter of its name.
enum class ParseError : std::uint8_t { none, truncated, malformed, extension_headers };

namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10;
}

/// Offsets are bytes from the start of the frame. Addresses and ports are host-side values.
struct Parsed {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;       // TCP, UDP
  std::uint16_t destination_port = 0;  // TCP, UDP
  std::uint16_t l3_offset = 0;         // where the IP (or ARP) header starts: size of Ethernet and tags
  std::uint16_t l4_offset = 0;         // 0: no L4 header here (a later fragment)
  std::uint16_t l3_size = 0;           // bytes from l3_offset to the end of the IP packet, as its header says
  std::uint16_t ether_type = 0;        // of the payload, behind the tags
  std::uint16_t vlan = 0;              // id of the outer tag; 0: untagged or priority-tagged
  std::uint16_t inner_vlan = 0;        // id of the second tag
  Kind kind = Kind::other;
  ParseError error = ParseError::none;
  std::uint8_t protocol = 0;  // IP protocol after extension headers
  std::uint8_t tcp_flags = 0;
  std::uint8_t ttl = 0;  // TTL or hop limit
  std::uint8_t icmp_type = 0;
  bool fragment = false;  // any fragment, first ones included (not IPv6 atomic fragments, RFC 6946)
  bool first_fragment = false;
};

}  // namespace limpet::net
