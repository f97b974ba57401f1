#include "net/family.hpp"

#include "net/checksum.hpp"

namespace limpet::net {
namespace {

// A translated packet that is no larger may be cut on its way (RFC 7915, section 5.1).
constexpr std::size_t uncut_min = 1260;

constexpr std::uint8_t option_end = 0, option_nothing = 1, loose_source_route = 131, strict_source_route = 137;

bool has_source_route(const std::uint8_t* options, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size && options[at] != option_end;) {
    if (options[at] == loose_source_route || options[at] == strict_source_route) {
      return true;
    }
    if (options[at] == option_nothing) {
      ++at;
      continue;
    }
    if (at + 1 >= size || options[at + 1] < 2) {
      return true;  // damaged: what it asks for can't be told
    }
    at += options[at + 1];
  }
  return false;
}

/// `header`: the first extension header's type; they lie at `bytes`, parsed before.
bool has_weighty_extension(std::uint8_t header, const std::uint8_t* bytes, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size;) {
    const bool routes = header == ip_protocol::routing && bytes[at + 3] != 0;  // segments left
    if (routes || header == ip_protocol::authentication) {
      return true;
    }
    const std::size_t length = header == ip_protocol::fragment ? ipv6_fragment::size : (bytes[at + 1] + 1u) * 8u;
    header = bytes[at];
    at += length;
  }
  return false;
}

struct Old {
  std::uint8_t traffic_class, ttl;
  std::size_t l4_size;
};

Old read(const std::uint8_t* ip, const Parsed& parsed) noexcept {
  const std::size_t l4_size = std::size_t{parsed.l3_size} - (parsed.l4_offset - parsed.l3_offset);
  if (parsed.source.is_v4()) {
    return {ip[ipv4::tos], ip[ipv4::ttl], l4_size};
  }
  const auto traffic_class = static_cast<std::uint8_t>(load_be<std::uint16_t>(ip) >> 4);
  return {traffic_class, ip[ipv6::hop_limit], l4_size};
}

void write_v4(std::uint8_t* ip, const Old& old, std::uint8_t protocol, const Crossing& to) noexcept {
  const std::size_t size = ipv4::size + old.l4_size;
  const bool whole = size > uncut_min;
  ip[ipv4::version_ihl] = 0x45;
  ip[ipv4::tos] = old.traffic_class;
  store_be<std::uint16_t>(ip + ipv4::total_length, static_cast<std::uint16_t>(size));
  store_be<std::uint16_t>(ip + ipv4::identification, whole ? std::uint16_t{0} : to.identification);
  store_be<std::uint16_t>(ip + ipv4::fragment, whole ? ipv4::dont_fragment : std::uint16_t{0});
  ip[ipv4::ttl] = old.ttl;
  ip[ipv4::protocol] = protocol;
  store_be<std::uint16_t>(ip + ipv4::checksum, 0);
  std::memcpy(ip + ipv4::source, to.source.address.wire_bytes(), 4);
  std::memcpy(ip + ipv4::destination, to.destination.address.wire_bytes(), 4);
  store_be<std::uint16_t>(ip + ipv4::checksum, checksum(ip, ipv4::size));
}

void write_v6(std::uint8_t* ip, const Old& old, std::uint8_t protocol, const Crossing& to) noexcept {
  store_be<std::uint32_t>(ip, 6u << 28 | std::uint32_t{old.traffic_class} << 20);
  store_be<std::uint16_t>(ip + ipv6::payload_length, static_cast<std::uint16_t>(old.l4_size));
  ip[ipv6::next_header] = protocol;
  ip[ipv6::hop_limit] = old.ttl;
  std::memcpy(ip + ipv6::source, to.source.address.wire_bytes(), 16);
  std::memcpy(ip + ipv6::destination, to.destination.address.wire_bytes(), 16);
}

void set_port(std::uint8_t* field, std::uint16_t l4_port, Delta& delta) noexcept {
  if (l4_port != 0) {
    const be16 value(l4_port);
    delta.change(field, &value, sizeof value);
    std::memcpy(field, &value, sizeof value);
  }
}

/// The addresses of the pseudo-header; its length and protocol add up to the same in both versions.
void change_addresses(const Parsed& parsed, const Crossing& to, Delta& delta) noexcept {
  constexpr std::uint8_t nothing[16]{};
  for (const IpAddress* gone : {&parsed.source, &parsed.destination}) {
    delta.change(gone->wire_bytes(), nothing, gone->wire_size());
  }
  for (const IpAddress* come : {&to.source.address, &to.destination.address}) {
    delta.change(nothing, come->wire_bytes(), come->wire_size());
  }
}

}  // namespace

bool can_cross(const std::uint8_t* frame, std::size_t contiguous, const Parsed& parsed) noexcept {
  if (parsed.fragment || (parsed.protocol != ip_protocol::tcp && parsed.protocol != ip_protocol::udp)) {
    return false;
  }
  const std::uint8_t* const ip = frame + parsed.l3_offset;
  const std::size_t header = parsed.source.is_v4() ? ipv4::size : ipv6::size;
  const std::size_t more = parsed.l4_offset - parsed.l3_offset - header;
  if (more != 0 && (parsed.source.is_v4() ? has_source_route(ip + header, more)
                                          : has_weighty_extension(ip[ipv6::next_header], ip + header, more))) {
    return false;
  }
  return parsed.protocol != ip_protocol::udp || load_be<std::uint16_t>(frame + parsed.l4_offset + udp::checksum) != 0 ||
         contiguous >= std::size_t{parsed.l3_offset} + parsed.l3_size;
}

void cross(std::uint8_t* frame, const Parsed& parsed, const Crossing& to) noexcept {
  const Old old = read(frame + parsed.l3_offset, parsed);
  std::uint8_t* const l4 = frame + parsed.l4_offset;
  const bool is_tcp = parsed.protocol == ip_protocol::tcp;
  const bool summed = is_tcp || load_be<std::uint16_t>(l4 + udp::checksum) != 0;
  Delta delta;
  change_addresses(parsed, to, delta);
  set_port(l4 + tcp::source_port, to.source.l4_port, delta);
  set_port(l4 + tcp::destination_port, to.destination.l4_port, delta);
  is_tcp ? delta.apply(l4 + tcp::checksum) : delta.apply_udp(l4 + udp::checksum);
  if (!to.source.address.is_v4() && !summed) {  // IPv6 has no UDP without a checksum
    const std::uint16_t sum = l4_checksum(to.source.address, to.destination.address, parsed.protocol, l4, old.l4_size);
    store_be<std::uint16_t>(l4 + udp::checksum, sum == 0 ? std::uint16_t{0xffff} : sum);
  }
  to.source.address.is_v4() ? write_v4(l4 - ipv4::size, old, parsed.protocol, to)
                            : write_v6(l4 - ipv6::size, old, parsed.protocol, to);
}

}  // namespace limpet::net
