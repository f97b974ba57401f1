#include "net/encap.hpp"

#include <algorithm>

#include "net/checksum.hpp"

namespace limpet::net {
namespace {

/// A one's complement sum, in memory order, of `size` bytes that start at an even offset of what is summed.
std::uint64_t sum_of(const std::uint8_t* bytes, std::size_t size) noexcept {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    sum += detail::load_raw<std::uint32_t>(bytes + i);
  }
  std::uint8_t rest[4] = {};
  std::copy(bytes + i, bytes + size, rest);
  return sum + detail::load_raw<std::uint32_t>(rest);
}
template <std::size_t words>
std::uint64_t sum_of_words(const std::uint8_t* bytes) noexcept {
  std::uint64_t sum = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < words; ++i) {
    sum += detail::load_raw<std::uint32_t>(bytes + 4 * i);
  }
  return sum;
}
std::uint64_t word16(std::size_t value) noexcept {
  return be16(static_cast<std::uint16_t>(value)).raw();
}
/// What takes a sum off another.
std::uint64_t minus(std::uint64_t sum) noexcept {
  return static_cast<std::uint16_t>(~detail::fold(sum));
}

/// The packet carries a checksum of its payload, so that nobody has to sum that again: TCP or UDP, whole, and with
/// nothing between the headers that could name another destination (source routes).
bool is_summed(const Inner& inner, std::size_t ip_size) noexcept {
  if (!inner.plain) {
    return false;
  }
  const std::uint8_t* const l4 = inner.ip + ip_size;
  return inner.protocol == ip_protocol::tcp ||
         (inner.protocol == ip_protocol::udp && load_be<std::uint16_t>(l4 + udp::checksum) != 0 &&
          load_be<std::uint16_t>(l4 + udp::length) == inner.size - ip_size);
}

/// Of the whole inner packet. Where its own checksum is wrong the sum is, too, and the packet stays detectably
/// damaged. Nothing: the bytes are not all here.
std::optional<std::uint64_t> sum_of_inner(const Inner& inner) noexcept {
  const std::size_t ip_size = inner.v4 ? ipv4::size : ipv6::size;
  if (!is_summed(inner, ip_size)) {
    return inner.readable < inner.size ? std::nullopt : std::optional(sum_of(inner.ip, inner.size));
  }
  // The L4 packet and its pseudo-header give 0: left is the IP header without that, the addresses are in both.
  const std::uint64_t sum = inner.v4 ? sum_of_words<3>(inner.ip) : sum_of_words<2>(inner.ip);
  return sum + minus(word16(inner.protocol) + word16(inner.size - ip_size));
}

std::uint8_t traffic_class(const std::uint8_t* ip, bool v4) noexcept {
  return v4 ? ip[ipv4::tos] : static_cast<std::uint8_t>(load_be<std::uint16_t>(ip) >> 4);
}

void put16(std::uint8_t* at, std::uint16_t raw) noexcept {
  std::memcpy(at, &raw, sizeof raw);
}
void put32(std::uint8_t* at, std::uint32_t value) noexcept {
  store_be<std::uint32_t>(at, value);
}

void write_ipv4(std::uint8_t* at, const Outer& outer, std::uint8_t protocol, std::uint8_t tos,
                std::size_t size) noexcept {
  const auto length = static_cast<std::uint16_t>(size);
  const std::uint32_t fragment = outer.dont_fragment ? ipv4::dont_fragment : std::uint16_t{0};
  put32(at, 0x45000000u | std::uint32_t{tos} << 16 | length);
  put32(at + ipv4::identification, std::uint32_t{outer.identification} << 16 | fragment);
  put32(at + ipv4::ttl, std::uint32_t{outer.ttl} << 24 | std::uint32_t{protocol} << 16);
  std::memcpy(at + ipv4::source, outer.source.bytes() + 12, 4);
  std::memcpy(at + ipv4::destination, outer.destination.bytes() + 12, 4);
  put16(at + ipv4::checksum, static_cast<std::uint16_t>(~detail::fold(sum_of_words<ipv4::size / 4>(at))));
}

void write_ipv6(std::uint8_t* at, const Outer& outer, std::uint8_t protocol, std::uint8_t traffic_class,
                std::size_t size) noexcept {
  const auto length = static_cast<std::uint16_t>(size - ipv6::size);
  put32(at, 0x60000000u | (std::uint32_t{traffic_class} << 20) | (outer.flow_label & 0xfffffu));
  put32(at + ipv6::payload_length,
        std::uint32_t{length} << 16 | std::uint32_t{protocol} << 8 | std::uint32_t{outer.ttl});
  std::memcpy(at + ipv6::source, outer.source.bytes(), 16);
  std::memcpy(at + ipv6::destination, outer.destination.bytes(), 16);
}

/// UDP and GUE headers; `inner`: the sum of what follows, nothing: no checksum is sent.
void write_gue(std::uint8_t* at, const Outer& outer, bool v4, std::uint8_t protocol, std::size_t size,
               const std::optional<std::uint64_t>& inner) noexcept {
  static_assert(gue::size == 4 && gue::variant == 0 && gue::protocol == 1 && gue::flags == 2);
  put32(at, std::uint32_t{outer.source_port} << 16 | outer.destination_port);
  put32(at + udp::length, static_cast<std::uint32_t>(size) << 16);
  put32(at + udp::size, std::uint32_t{protocol} << 16);  // variant 0, data message, no optional fields
  if (!inner) {
    return;
  }
  const std::uint64_t addresses =
      v4 ? sum_of_words<1>(outer.source.bytes() + 12) + sum_of_words<1>(outer.destination.bytes() + 12)
         : sum_of_words<4>(outer.source.bytes()) + sum_of_words<4>(outer.destination.bytes());
  const std::uint64_t sum = *inner + addresses + word16(ip_protocol::udp) + word16(size) + sum_of_words<3>(at);
  const auto field = static_cast<std::uint16_t>(~detail::fold(sum));
  put16(at + udp::checksum, field == 0 ? std::uint16_t{0xffff} : field);
}

/// The version of the IP packet at `at`, as a protocol number; 0: neither.
std::uint8_t ip_at(std::span<const std::uint8_t> packet, std::size_t at) noexcept {
  const int version = at < packet.size() ? packet[at] >> 4 : 0;
  return version == 4 ? ip_protocol::ipip : version == 6 ? ip_protocol::ipv6 : std::uint8_t{0};
}

struct IpRead {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  bool later_fragment = false;
  bool first_fragment = false;
  std::size_t size = 0;  // of the header
};

/// An IP header at the beginning, all of it.
std::optional<IpRead> read_ip(std::span<const std::uint8_t> packet) noexcept {
  const std::uint8_t* const ip = packet.data();
  if (ip_at(packet, 0) == ip_protocol::ipip && packet.size() >= ipv4::size) {
    const std::size_t size = std::size_t{ip[ipv4::version_ihl] & 0x0fu} * 4;
    if (size < ipv4::size || size > packet.size()) {
      return std::nullopt;
    }
    const auto fragment = load_be<std::uint16_t>(ip + ipv4::fragment);
    return IpRead{IpAddress::v4(ip + ipv4::source),    IpAddress::v4(ip + ipv4::destination),  ip[ipv4::protocol],
                  (fragment & ipv4::offset_mask) != 0, (fragment & ipv4::more_fragments) != 0, size};
  }
  if (ip_at(packet, 0) == ip_protocol::ipv6 && packet.size() >= ipv6::size) {
    IpRead read{IpAddress::v6(ip + ipv6::source),
                IpAddress::v6(ip + ipv6::destination),
                ip[ipv6::next_header],
                false,
                false,
                ipv6::size};
    if (read.protocol == ip_protocol::fragment && packet.size() >= ipv6::size + ipv6_fragment::size) {
      const std::uint8_t* const header = ip + ipv6::size;
      const auto field = load_be<std::uint16_t>(header + ipv6_fragment::offset);
      read.protocol = header[ipv6_fragment::next_header];
      read.later_fragment = (field & ipv6_fragment::offset_mask) != 0;
      read.first_fragment = (field & ipv6_fragment::more_fragments) != 0;
      read.size += ipv6_fragment::size;
    }
    return read;
  }
  return std::nullopt;
}

}  // namespace

bool encapsulate(const Inner& inner, const Outer& outer) noexcept {
  const bool v4 = outer.source.is_v4();
  const std::uint8_t inner_protocol = inner.v4 ? ip_protocol::ipip : ip_protocol::ipv6;
  const std::size_t ip_size = v4 ? ipv4::size : ipv6::size;
  const std::size_t size = encap_size(outer.encap, v4 ? Family::v4 : Family::v6);
  std::uint8_t* const at = inner.ip - size;
  std::uint8_t protocol = inner_protocol;
  if (outer.encap == Encap::gre) {
    protocol = ip_protocol::gre;
    put32(at + ip_size, inner.v4 ? ether_type::ipv4 : ether_type::ipv6);  // no flags
  } else if (outer.encap == Encap::gue) {
    protocol = ip_protocol::udp;
    const auto sum = sum_of_inner(inner);
    if (!sum && !v4) {
      return false;
    }
    write_gue(at + ip_size, outer, v4, inner_protocol, size - ip_size + inner.size, sum);
  }
  const std::uint8_t tos = traffic_class(inner.ip, inner.v4);
  v4 ? write_ipv4(at, outer, protocol, tos, size + inner.size)
     : write_ipv6(at, outer, protocol, tos, size + inner.size);
  return true;
}

Inner inner_of(std::uint8_t* frame, const Parsed& parsed, std::size_t readable) noexcept {
  const bool v4 = parsed.source.is_v4();
  const std::size_t header = v4 ? ipv4::size : ipv6::size;
  const std::size_t here = readable - std::min<std::size_t>(readable, parsed.l3_offset);
  return {.ip = frame + parsed.l3_offset,
          .size = parsed.l3_size,
          .readable = static_cast<std::uint16_t>(here),
          .protocol = parsed.protocol,
          .v4 = v4,
          .plain = !parsed.fragment && parsed.l4_offset == parsed.l3_offset + header};
}

std::optional<OuterRead> read_outer(std::span<const std::uint8_t> packet) noexcept {
  const auto ip = read_ip(packet);
  if (!ip || ip->later_fragment) {
    return std::nullopt;
  }
  OuterRead read{.source = ip->source, .destination = ip->destination, .inner_offset = ip->size};
  const std::uint8_t* const next = packet.data() + ip->size;
  const std::size_t here = packet.size() - ip->size;
  std::uint8_t inner = ip->protocol;
  if (ip->protocol == ip_protocol::gre) {
    if (here < gre::size || load_be<std::uint16_t>(next + gre::flags) != 0) {
      return std::nullopt;
    }
    const auto type = load_be<std::uint16_t>(next + gre::type);
    inner = type == ether_type::ipv4   ? ip_protocol::ipip
            : type == ether_type::ipv6 ? ip_protocol::ipv6
                                       : std::uint8_t{0};
    read.encap = Encap::gre;
    read.inner_offset += gre::size;
  } else if (ip->protocol == ip_protocol::udp) {
    if (here < udp::size + gue::size || next[udp::size + gue::variant] != 0 ||
        load_be<std::uint16_t>(next + udp::size + gue::flags) != 0) {
      return std::nullopt;
    }
    inner = next[udp::size + gue::protocol];
    read.encap = Encap::gue;
    read.source_port = load_be<std::uint16_t>(next + udp::source_port);
    read.destination_port = load_be<std::uint16_t>(next + udp::destination_port);
    read.inner_offset += udp::size + gue::size;
  }
  return inner != 0 && inner == ip_at(packet, read.inner_offset) ? std::optional(read) : std::nullopt;
}

std::optional<TupleRead> read_tuple(std::span<const std::uint8_t> packet) noexcept {
  const auto ip = read_ip(packet);
  if (!ip || ip->later_fragment || packet.size() - ip->size < 8 ||
      (ip->protocol != ip_protocol::tcp && ip->protocol != ip_protocol::udp)) {
    return std::nullopt;
  }
  const std::uint8_t* const l4 = packet.data() + ip->size;
  return TupleRead{ip->source,
                   ip->destination,
                   load_be<std::uint16_t>(l4 + tcp::source_port),
                   load_be<std::uint16_t>(l4 + tcp::destination_port),
                   ip->protocol,
                   ip->first_fragment};
}

}  // namespace limpet::net
