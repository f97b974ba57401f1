// Shared by the message builders: how a frame's head is written. Private to lib/l3.
#pragma once

#include <cstring>

#include "l3/messages.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace limpet::l3::wire {

inline constexpr std::uint8_t hop_limit_own = 64;    // of what Limpet sends that may be routed
inline constexpr std::uint8_t hop_limit_nd = 255;    // RFC 4861: nothing that was routed has it
inline constexpr std::uint8_t class_control = 0xc0;  // internetwork control (RFC 1812, section 4.3.2.5)
inline constexpr Mac broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

inline void put(std::uint8_t* at, const Mac& mac) noexcept {
  std::memcpy(at, mac.bytes.data(), 6);
}
inline void put(std::uint8_t* at, const IpAddress& address) noexcept {
  std::memcpy(at, address.wire_bytes(), address.wire_size());
}
inline Mac mac_at(const std::uint8_t* at) noexcept {
  Mac mac;
  std::memcpy(mac.bytes.data(), at, 6);
  return mac;
}

/// Where the MAC address of an IPv6 group is: RFC 2464, section 7.
inline Mac group_mac(const IpAddress& group) noexcept {
  Mac mac{{0x33, 0x33, 0, 0, 0, 0}};
  std::memcpy(&mac.bytes[2], group.bytes() + 12, 4);
  return mac;
}

/// The frame goes back to where it came from.
inline void turn_ethernet(std::uint8_t* frame, const Mac& own) noexcept {
  put(frame + net::ethernet::destination, mac_at(frame + net::ethernet::source));
  put(frame + net::ethernet::source, own);
}

/// Ethernet and the link's tag; where the payload starts, or 0 when `payload_size` more bytes do not fit.
inline std::size_t write_ethernet(std::span<std::uint8_t> out, const Link& link, const Mac& destination,
                                  std::uint16_t type, std::size_t payload_size) noexcept {
  const std::size_t head = net::ethernet::size + (link.vlan != 0 ? net::vlan_tag::size : 0);
  if (out.size() < head + payload_size) {
    return 0;
  }
  put(out.data() + net::ethernet::destination, destination);
  put(out.data() + net::ethernet::source, link.mac);
  if (link.vlan != 0) {
    store_be<std::uint16_t>(out.data() + net::ethernet::type, net::ether_type::vlan);
    store_be<std::uint16_t>(out.data() + net::ethernet::size, link.vlan);
  }
  store_be<std::uint16_t>(out.data() + head - 2, type);
  return head;
}

struct Ip {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol;
  std::uint8_t ttl;
  std::uint8_t traffic_class;
  std::size_t payload_size;
};

/// An IPv4 or IPv6 header without options; its size.
inline std::size_t write_ip(std::uint8_t* at, const Ip& ip) noexcept {
  if (!ip.source.is_v4()) {
    store_be<std::uint32_t>(at, 0x60000000u | (std::uint32_t{ip.traffic_class} << 20));
    store_be<std::uint16_t>(at + net::ipv6::payload_length, static_cast<std::uint16_t>(ip.payload_size));
    at[net::ipv6::next_header] = ip.protocol;
    at[net::ipv6::hop_limit] = ip.ttl;
    put(at + net::ipv6::source, ip.source);
    put(at + net::ipv6::destination, ip.destination);
    return net::ipv6::size;
  }
  std::memset(at, 0, net::ipv4::size);
  at[net::ipv4::version_ihl] = 0x45;
  at[net::ipv4::tos] = ip.traffic_class;
  store_be<std::uint16_t>(at + net::ipv4::total_length, static_cast<std::uint16_t>(net::ipv4::size + ip.payload_size));
  at[net::ipv4::ttl] = ip.ttl;
  at[net::ipv4::protocol] = ip.protocol;
  put(at + net::ipv4::source, ip.source);
  put(at + net::ipv4::destination, ip.destination);
  store_be<std::uint16_t>(at + net::ipv4::checksum, net::checksum(at, net::ipv4::size));
  return net::ipv4::size;
}

/// Sets the checksum of the ICMP or ICMPv6 message of `size` bytes at `at`.
inline void write_icmp_checksum(std::uint8_t* at, std::size_t size, const IpAddress& source,
                                const IpAddress& destination) noexcept {
  store_be<std::uint16_t>(at + net::icmp::checksum, 0);
  const std::uint16_t sum = source.is_v4() ? net::checksum(at, size)
                                           : net::l4_checksum(source, destination, net::ip_protocol::icmpv6, at, size);
  store_be<std::uint16_t>(at + net::icmp::checksum, sum);
}

/// A source that an answer may be sent to: one host's, not a group's, broadcast, loopback, reserved or none.
inline bool is_answerable(const IpAddress& source) noexcept {
  if (source.is_multicast()) {
    return false;
  }
  if (source.is_v4()) {
    const std::uint32_t host = source.v4_host();
    return (host >> 24) != 0 && (host >> 24) != 127 && (host >> 28) != 0xf;
  }
  return !(source.high() == 0 && source.low() <= 1);
}

/// Bytes of the IP packet behind the headers that were walked.
inline std::size_t l4_size(const Parsed& parsed) noexcept {
  return static_cast<std::size_t>(parsed.l3_offset) + parsed.l3_size - parsed.l4_offset;
}

}  // namespace limpet::l3::wire
