// Where fields lie in the headers that Limpet reads and writes: offsets in bytes from the header's start.
// Constants instead of structs, because headers lie at any alignment and every access names its byte order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/big_endian.hpp"

namespace limpet::net {

namespace ether_type {
inline constexpr std::uint16_t ipv4 = 0x0800, arp = 0x0806, ipv6 = 0x86dd;
inline constexpr std::uint16_t vlan = 0x8100;     // IEEE 802.1Q, C-tag
inline constexpr std::uint16_t service = 0x88a8;  // IEEE 802.1ad, S-tag
}  // namespace ether_type

/// IANA protocol numbers and IPv6 next headers (RFC 8200, section 4).
namespace ip_protocol {
inline constexpr std::uint8_t hop_by_hop = 0, icmp = 1, ipip = 4, tcp = 6, udp = 17, ipv6 = 41, routing = 43,
                              fragment = 44, gre = 47, authentication = 51, icmpv6 = 58, none = 59,
                              destination_options = 60;
}  // namespace ip_protocol

/// IEEE 802.3, clause 3.
namespace ethernet {
inline constexpr std::size_t destination = 0, source = 6, type = 12, size = 14, minimum = 60;
}  // namespace ethernet

/// IEEE 802.1Q, clause 9.6: TCI, then the EtherType of what follows.
namespace vlan_tag {
inline constexpr std::size_t size = 4;
inline constexpr std::uint16_t id_mask = 0x0fff;
}  // namespace vlan_tag

/// RFC 826, for Ethernet and IPv4.
namespace arp {
inline constexpr std::size_t hardware_type = 0, protocol_type = 2, hardware_size = 4, protocol_size = 5, operation = 6,
                             sender_mac = 8, sender_ip = 14, target_mac = 18, target_ip = 24, size = 28;
inline constexpr std::uint16_t request = 1, reply = 2;
}  // namespace arp

/// RFC 791, section 3.1.
namespace ipv4 {
inline constexpr std::size_t version_ihl = 0, tos = 1, total_length = 2, identification = 4, fragment = 6, ttl = 8,
                             protocol = 9, checksum = 10, source = 12, destination = 16, size = 20;
inline constexpr std::uint16_t more_fragments = 0x2000, dont_fragment = 0x4000, offset_mask = 0x1fff;
}  // namespace ipv4

/// RFC 8200, section 3.
namespace ipv6 {
inline constexpr std::size_t payload_length = 4, next_header = 6, hop_limit = 7, source = 8, destination = 24,
                             size = 40;
}  // namespace ipv6

/// RFC 8200, section 4.5.
namespace ipv6_fragment {
inline constexpr std::size_t next_header = 0, offset = 2, identification = 4, size = 8;
inline constexpr std::uint16_t more_fragments = 0x0001, offset_mask = 0xfff8;
}  // namespace ipv6_fragment

/// RFC 9293, section 3.1.
namespace tcp {
inline constexpr std::size_t source_port = 0, destination_port = 2, sequence = 4, acknowledgment = 8, data_offset = 12,
                             flags = 13, window = 14, checksum = 16, urgent = 18, size = 20;
}  // namespace tcp

/// RFC 768.
namespace udp {
inline constexpr std::size_t source_port = 0, destination_port = 2, length = 4, checksum = 6, size = 8;
}  // namespace udp

/// RFC 2784, section 2: no checksum, key or sequence.
namespace gre {
inline constexpr std::size_t flags = 0, type = 2, size = 4;
}  // namespace gre

/// Generic UDP encapsulation, variant 0, without options (draft-ietf-intarea-gue-09, section 3.2).
namespace gue {
inline constexpr std::size_t variant = 0, protocol = 1, flags = 2, size = 4;
}  // namespace gue

/// TCP options (RFC 9293, section 3.2; RFC 2018; RFC 7323; RFC 8684; RFC 7413). `address`: experimental (RFC 4727), as
/// the kernel module toa reads it.
namespace tcp_option {
inline constexpr std::uint8_t end = 0, no_operation = 1, mss = 2, mss_size = 4, window_scale = 3, window_scale_size = 3,
                              sack_permitted = 4, sack_permitted_size = 2, sack = 5, timestamps = 8,
                              timestamps_size = 10, multipath = 30, fast_open = 34, address = 254;
}  // namespace tcp_option

/// RFC 792; ICMPv6 (RFC 4443, section 2.1) has type, code and checksum in the same places.
namespace icmp {
inline constexpr std::size_t type = 0, code = 1, checksum = 2, body = 4, size = 8;
inline constexpr std::uint8_t echo_reply = 0, unreachable = 3, source_quench = 4, redirect = 5, echo_request = 8,
                              time_exceeded = 11, parameter_problem = 12;
}  // namespace icmp

/// RFC 4443, sections 3 and 4; RFC 4861, section 4.
namespace icmpv6 {
inline constexpr std::uint8_t unreachable = 1, packet_too_big = 2, time_exceeded = 3, parameter_problem = 4,
                              echo_request = 128, echo_reply = 129, router_solicitation = 133,
                              router_advertisement = 134, neighbour_solicitation = 135, neighbour_advertisement = 136,
                              redirect = 137;
}  // namespace icmpv6

/// Neighbour solicitation and advertisement: RFC 4861, sections 4.3, 4.4 and 4.6.1. Offsets from the ICMPv6 type.
namespace nd {
inline constexpr std::size_t flags = 4, target = 8, options = 24, link_option_size = 8;
inline constexpr std::uint8_t router_flag = 0x80, solicited_flag = 0x40, override_flag = 0x20;
inline constexpr std::uint8_t source_link_address = 1, target_link_address = 2;
}  // namespace nd

}  // namespace limpet::net
