#include "net/parse.hpp"

namespace limpet::net::detail {
namespace {

/// A walk over one frame: where it stands, what may be read, where the packet ends.
struct Walk {
  const std::uint8_t* frame;
  std::size_t readable;  // bytes of the frame that are contiguous
  std::size_t end;       // of the frame, later of the IP packet
  std::size_t at = 0;
  Parsed& out;
  bool is_cut = false;  // an IPv6 fragment header was met

  [[nodiscard]] bool has(std::size_t bytes) const noexcept {
    return at <= end && bytes <= end - at && at <= readable && bytes <= readable - at;
  }
  [[nodiscard]] const std::uint8_t* here() const noexcept { return frame + at; }
  bool fail(ParseError error) const noexcept {
    out.error = error;
    return false;
  }
  bool truncated() const noexcept { return fail(ParseError::truncated); }
  bool malformed() const noexcept { return fail(ParseError::malformed); }
};

bool is_tag(std::uint16_t type) noexcept {
  return type == ether_type::vlan || type == ether_type::service;
}

/// Ethernet and up to two tags; a third is left as an unknown EtherType.
bool walk_ethernet(Walk& walk) noexcept {
  if (!walk.has(ethernet::size)) {
    return walk.truncated();
  }
  std::uint16_t type = load_be<std::uint16_t>(walk.frame + ethernet::type);
  walk.at = ethernet::size;
  for (std::uint16_t* id : {&walk.out.vlan, &walk.out.inner_vlan}) {
    if (!is_tag(type)) {
      break;
    }
    if (!walk.has(vlan_tag::size)) {
      return walk.truncated();
    }
    *id = static_cast<std::uint16_t>(load_be<std::uint16_t>(walk.here()) & vlan_tag::id_mask);
    type = load_be<std::uint16_t>(walk.here() + 2);
    walk.at += vlan_tag::size;
  }
  walk.out.ether_type = type;
  walk.out.l3_offset = static_cast<std::uint16_t>(walk.at);
  return true;
}

bool walk_ipv4(Walk& walk) noexcept {
  if (!walk.has(ipv4::size)) {
    return walk.truncated();
  }
  const std::uint8_t* const ip = walk.here();
  const std::size_t header = static_cast<std::size_t>(ip[ipv4::version_ihl] & 0x0f) * 4;
  const std::size_t length = load_be<std::uint16_t>(ip + ipv4::total_length);
  if ((ip[ipv4::version_ihl] >> 4) != 4 || header < ipv4::size || length < header) {
    return walk.malformed();
  }
  if (!walk.has(header) || length > walk.end - walk.at) {
    return walk.truncated();
  }
  if (checksum(ip, header) != 0) {
    return walk.malformed();
  }
  Parsed& out = walk.out;
  const auto fragment = load_be<std::uint16_t>(ip + ipv4::fragment);
  const bool later = (fragment & ipv4::offset_mask) != 0;
  out.source = IpAddress::v4(ip + ipv4::source);
  out.destination = IpAddress::v4(ip + ipv4::destination);
  out.l3_size = static_cast<std::uint16_t>(length);
  out.protocol = ip[ipv4::protocol];
  out.ttl = ip[ipv4::ttl];
  out.fragment = later || (fragment & ipv4::more_fragments) != 0;
  out.first_fragment = out.fragment && !later;
  walk.end = walk.at + length;
  walk.at += header;
  out.l4_offset = later ? std::uint16_t{0} : static_cast<std::uint16_t>(walk.at);
  return true;
}

bool is_extension(std::uint8_t header) noexcept {
  return header == ip_protocol::hop_by_hop || header == ip_protocol::routing || header == ip_protocol::fragment ||
         header == ip_protocol::authentication || header == ip_protocol::destination_options;
}

/// One extension header (RFC 8200, section 4; AH: RFC 4302, section 2.2). Sets `next` to what follows it.
bool walk_extension(Walk& walk, std::uint8_t& next) noexcept {
  if (!walk.has(8)) {  // no extension header is shorter
    return walk.truncated();
  }
  const std::uint8_t* const header = walk.here();
  std::size_t size = (header[1] + std::size_t{1}) * 8;
  if (next == ip_protocol::fragment) {
    size = ipv6_fragment::size;
    const auto field = load_be<std::uint16_t>(header + ipv6_fragment::offset);
    const bool later = (field & ipv6_fragment::offset_mask) != 0;
    const bool fragment = later || (field & ipv6_fragment::more_fragments) != 0;
    if (walk.is_cut) {
      return walk.malformed();  // a fragment of a fragment
    }
    walk.is_cut = true;
    walk.out.fragment = fragment;
    walk.out.first_fragment = fragment && !later;
  } else if (next == ip_protocol::authentication) {
    size = (header[1] + std::size_t{2}) * 4;
    if (size < 12) {
      return walk.malformed();
    }
  }
  if (!walk.has(size)) {
    return walk.truncated();
  }
  next = header[0];
  walk.at += size;
  return true;
}

bool walk_extensions(Walk& walk, std::uint8_t next) noexcept {
  for (unsigned count = 0; is_extension(next); ++count) {
    if (count == extension_headers_max) {
      return walk.fail(ParseError::extension_headers);
    }
    if (next == ip_protocol::hop_by_hop && count > 0) {
      return walk.malformed();  // only directly behind the IPv6 header (RFC 8200, section 4.1)
    }
    if (!walk_extension(walk, next)) {
      return false;
    }
    if (walk.out.fragment && !walk.out.first_fragment) {
      walk.out.protocol = next;  // as the first fragment's header says; what lies here is the middle of it
      return true;
    }
  }
  walk.out.protocol = next;
  walk.out.l4_offset = static_cast<std::uint16_t>(walk.at);
  return true;
}

bool walk_ipv6(Walk& walk) noexcept {
  if (!walk.has(ipv6::size)) {
    return walk.truncated();
  }
  const std::uint8_t* const ip = walk.here();
  const std::size_t length = ipv6::size + load_be<std::uint16_t>(ip + ipv6::payload_length);
  Parsed& out = walk.out;
  out.source = IpAddress::v6(ip + ipv6::source);
  out.destination = IpAddress::v6(ip + ipv6::destination);
  // IPv4-mapped addresses do not belong on the wire (RFC 4291, section 2.5.5.2) and would pass for IPv4 here.
  if ((ip[0] >> 4) != 6 || length > 0xffff || out.source.is_v4() || out.destination.is_v4()) {
    return walk.malformed();
  }
  if (length > walk.end - walk.at) {
    return walk.truncated();
  }
  out.l3_size = static_cast<std::uint16_t>(length);
  out.ttl = ip[ipv6::hop_limit];
  walk.end = walk.at + length;
  walk.at += ipv6::size;
  return walk_extensions(walk, ip[ipv6::next_header]);
}

bool walk_tcp(Walk& walk) noexcept {
  if (!walk.has(tcp::size)) {
    return walk.truncated();
  }
  const std::uint8_t* const l4 = walk.here();
  const std::size_t header = static_cast<std::size_t>(l4[tcp::data_offset] >> 4) * 4;
  if (header < tcp::size) {
    return walk.malformed();
  }
  if (!walk.has(header)) {
    return walk.truncated();
  }
  walk.out.tcp_flags = l4[tcp::flags];
  return true;
}

bool walk_udp(Walk& walk) noexcept {
  if (!walk.has(udp::size)) {
    return walk.truncated();
  }
  const std::size_t length = load_be<std::uint16_t>(walk.here() + udp::length);
  // A first fragment's length is that of the whole datagram, which is more than lies here.
  if (length < udp::size || (!walk.out.fragment && length > walk.end - walk.at)) {
    return walk.malformed();
  }
  return true;
}

bool walk_l4(Walk& walk) noexcept {
  Parsed& out = walk.out;
  if (out.l4_offset == 0) {
    return true;
  }
  const std::uint8_t echo_family = out.source.is_v4() ? ip_protocol::icmp : ip_protocol::icmpv6;
  if (out.protocol == ip_protocol::tcp || out.protocol == ip_protocol::udp) {
    if (!(out.protocol == ip_protocol::tcp ? walk_tcp(walk) : walk_udp(walk))) {
      return false;
    }
    out.source_port = load_be<std::uint16_t>(walk.here() + tcp::source_port);
    out.destination_port = load_be<std::uint16_t>(walk.here() + tcp::destination_port);
  } else if (out.protocol == echo_family) {
    if (!walk.has(icmp::size)) {
      return walk.truncated();
    }
    out.icmp_type = walk.here()[icmp::type];
  }
  return true;
}

}  // namespace

void parse_any(const std::uint8_t* frame, std::size_t contiguous, std::size_t frame_size, Parsed& out) noexcept {
  Walk walk{.frame = frame, .readable = contiguous, .end = frame_size, .at = 0, .out = out};
  if (!walk_ethernet(walk)) {
    return;
  }
  if (out.ether_type == ether_type::arp) {
    out.kind = Kind::arp;
    if (walk.has(arp::size)) {
      out.l3_size = arp::size;
    } else {
      walk.truncated();
    }
  } else if (out.ether_type == ether_type::ipv4 || out.ether_type == ether_type::ipv6) {
    out.kind = Kind::ip;
    if (out.ether_type == ether_type::ipv4 ? walk_ipv4(walk) : walk_ipv6(walk)) {
      walk_l4(walk);
    }
  }
}

}  // namespace limpet::net::detail
