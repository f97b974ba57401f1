// From bytes to Parsed. The common shapes (untagged IPv4 without options or IPv6 without extension headers,
// carrying TCP or UDP) are read inline; all else goes through parse.cpp. Any thread; never reads outside
// [frame, frame + contiguous), never fails otherwise than by Parsed::error.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

/// Most IPv6 extension headers that are walked; one more is ParseError::extension_headers.
inline constexpr unsigned extension_headers_max = 8;

namespace detail {

void parse_any(const std::uint8_t* frame, std::size_t contiguous, std::size_t frame_size, Parsed& out) noexcept;

/// TCP or UDP of `l4_size` bytes at `l4`, `readable` of them contiguous; false: not plainly right, look closer.
inline bool parse_ports(const std::uint8_t* l4, std::size_t l4_size, std::size_t readable, Parsed& out) noexcept {
  if (out.protocol == ip_protocol::tcp) {
    if (l4_size < tcp::size || readable < tcp::size) {
      return false;
    }
    const std::size_t header = static_cast<std::size_t>(l4[tcp::data_offset] >> 4) * 4;
    if (header < tcp::size || header > l4_size || header > readable) {
      return false;
    }
    out.tcp_flags = l4[tcp::flags];
  } else if (out.protocol == ip_protocol::udp) {
    if (l4_size < udp::size || readable < udp::size) {
      return false;
    }
    const std::size_t length = load_be<std::uint16_t>(l4 + udp::length);
    if (length < udp::size || length > l4_size) {
      return false;
    }
  } else {
    return false;
  }
  out.source_port = load_be<std::uint16_t>(l4 + tcp::source_port);
  out.destination_port = load_be<std::uint16_t>(l4 + tcp::destination_port);
  return true;
}

inline bool parse_plain_v4(const std::uint8_t* frame, std::size_t contiguous, std::size_t frame_size,
                           Parsed& out) noexcept {
  const std::uint8_t* const ip = frame + ethernet::size;
  const std::size_t length = load_be<std::uint16_t>(ip + ipv4::total_length);
  const auto fragment = load_be<std::uint16_t>(ip + ipv4::fragment);
  if (ip[ipv4::version_ihl] != 0x45 || (fragment & (ipv4::more_fragments | ipv4::offset_mask)) != 0 ||
      length < ipv4::size || length > frame_size - ethernet::size || !ipv4_header_sums_up(ip)) {
    return false;
  }
  out.source = IpAddress::v4(ip + ipv4::source);
  out.destination = IpAddress::v4(ip + ipv4::destination);
  out.l3_offset = ethernet::size;
  out.l4_offset = ethernet::size + ipv4::size;
  out.l3_size = static_cast<std::uint16_t>(length);
  out.ether_type = ether_type::ipv4;
  out.kind = Kind::ip;
  out.protocol = ip[ipv4::protocol];
  out.ttl = ip[ipv4::ttl];
  return parse_ports(ip + ipv4::size, length - ipv4::size, contiguous - out.l4_offset, out);
}

inline bool parse_plain_v6(const std::uint8_t* frame, std::size_t contiguous, std::size_t frame_size,
                           Parsed& out) noexcept {
  const std::uint8_t* const ip = frame + ethernet::size;
  const std::size_t payload = load_be<std::uint16_t>(ip + ipv6::payload_length);
  if ((ip[0] >> 4) != 6 || contiguous < ethernet::size + ipv6::size || payload > 0xffff - ipv6::size ||
      payload > frame_size - ethernet::size - ipv6::size) {
    return false;
  }
  out.source = IpAddress::v6(ip + ipv6::source);
  out.destination = IpAddress::v6(ip + ipv6::destination);
  if (out.source.is_v4() || out.destination.is_v4()) {
    return false;
  }
  out.l3_offset = ethernet::size;
  out.l4_offset = ethernet::size + ipv6::size;
  out.l3_size = static_cast<std::uint16_t>(payload + ipv6::size);
  out.ether_type = ether_type::ipv6;
  out.kind = Kind::ip;
  out.protocol = ip[ipv6::next_header];
  out.ttl = ip[ipv6::hop_limit];
  return parse_ports(ip + ipv6::size, payload, contiguous - out.l4_offset, out);
}

}  // namespace detail

/// Reads the headers of the frame of `frame_size` bytes, of which the first `contiguous` are readable, into `out`,
/// all of which is set. On an error the fields read before it was met are set, the rest are as in Parsed{}.
inline void parse(const std::uint8_t* frame, std::size_t contiguous, std::size_t frame_size, Parsed& out) noexcept {
  out = Parsed{};
  if (contiguous > frame_size) {
    contiguous = frame_size;
  }
  if (contiguous >= ethernet::size + ipv4::size) [[likely]] {
    const auto type = load_be<std::uint16_t>(frame + ethernet::type);
    if (type == ether_type::ipv4 && detail::parse_plain_v4(frame, contiguous, frame_size, out)) {
      return;
    }
    if (type == ether_type::ipv6 && detail::parse_plain_v6(frame, contiguous, frame_size, out)) {
      return;
    }
    out = Parsed{};
  }
  detail::parse_any(frame, contiguous, frame_size, out);
}

}  // namespace limpet::net
