#include "net/encap.hpp"

#include <algorithm>

#include "net/checksum.hpp"

namespace limpet::net {
namespace {

/// A one's complement sum, in memory order.
class Sum {
 public:
  /// A run of bytes that starts at an even offset of what is summed.
  void add(const std::uint8_t* bytes, std::size_t size) noexcept {
    std::size_t i = 0;
    for (; i + 4 <= size; i += 4) {
      sum_ += detail::load_raw<std::uint32_t>(bytes + i);
    }
    std::uint8_t rest[4] = {};
    std::copy(bytes + i, bytes + size, rest);
    sum_ += detail::load_raw<std::uint32_t>(rest);
  }
  void add(const IpAddress& address) noexcept { add(address.wire_bytes(), address.wire_size()); }
  void add16(std::size_t value) noexcept { sum_ += be16(static_cast<std::uint16_t>(value)).raw(); }
  void subtract(const Sum& other) noexcept { sum_ += static_cast<std::uint16_t>(~detail::fold(other.sum_)); }
  [[nodiscard]] std::uint16_t folded() const noexcept { return detail::fold(sum_); }

 private:
  std::uint64_t sum_ = 0;
};

/// The packet carries a checksum of its payload, so that nobody has to sum that again: TCP or UDP, whole, and with
/// nothing between the headers that could name another destination (source routes).
bool is_summed(const std::uint8_t* frame, const Parsed& parsed, std::size_t l4_size) noexcept {
  const std::size_t header = parsed.source.is_v4() ? ipv4::size : ipv6::size;
  if (parsed.fragment || parsed.l4_offset != parsed.l3_offset + header) {
    return false;
  }
  const std::uint8_t* const l4 = frame + parsed.l4_offset;
  return parsed.protocol == ip_protocol::tcp ||
         (parsed.protocol == ip_protocol::udp && load_be<std::uint16_t>(l4 + udp::checksum) != 0 &&
          load_be<std::uint16_t>(l4 + udp::length) == l4_size);
}

/// Of the whole inner packet. Where its own checksum is wrong the sum is, too, and the packet stays detectably
/// damaged. Nothing: the bytes are not all here.
std::optional<Sum> sum_of_inner(const std::uint8_t* frame, const Parsed& parsed, std::size_t readable) noexcept {
  const std::uint8_t* const ip = frame + parsed.l3_offset;
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.l3_size;
  const std::size_t l4_size = end - parsed.l4_offset;
  Sum sum;
  if (!is_summed(frame, parsed, l4_size)) {
    if (readable < end) {
      return std::nullopt;
    }
    sum.add(ip, parsed.l3_size);
    return sum;
  }
  sum.add(ip, parsed.l4_offset - std::size_t{parsed.l3_offset});
  Sum pseudo;  // and the L4 packet together give 0
  pseudo.add(parsed.source);
  pseudo.add(parsed.destination);
  pseudo.add16(parsed.protocol);
  pseudo.add16(l4_size);
  sum.subtract(pseudo);
  return sum;
}

std::uint8_t traffic_class(const std::uint8_t* ip, bool v4) noexcept {
  return v4 ? ip[ipv4::tos] : static_cast<std::uint8_t>(load_be<std::uint16_t>(ip) >> 4);
}

void put(std::uint8_t* at, const IpAddress& address) noexcept {
  std::memcpy(at, address.wire_bytes(), address.wire_size());
}

void write_ipv4(std::uint8_t* at, const Outer& outer, std::uint8_t protocol, std::uint8_t tos,
                std::size_t size) noexcept {
  at[ipv4::version_ihl] = 0x45;
  at[ipv4::tos] = tos;
  store_be<std::uint16_t>(at + ipv4::total_length, static_cast<std::uint16_t>(size));
  store_be<std::uint16_t>(at + ipv4::identification, outer.identification);
  store_be<std::uint16_t>(at + ipv4::fragment, outer.dont_fragment ? ipv4::dont_fragment : std::uint16_t{0});
  at[ipv4::ttl] = outer.ttl;
  at[ipv4::protocol] = protocol;
  store_be<std::uint16_t>(at + ipv4::checksum, 0);
  put(at + ipv4::source, outer.source);
  put(at + ipv4::destination, outer.destination);
  store_be<std::uint16_t>(at + ipv4::checksum, checksum(at, ipv4::size));
}

void write_ipv6(std::uint8_t* at, const Outer& outer, std::uint8_t protocol, std::uint8_t traffic_class,
                std::size_t size) noexcept {
  store_be<std::uint32_t>(at, 0x60000000u | (std::uint32_t{traffic_class} << 20) | (outer.flow_label & 0xfffffu));
  store_be<std::uint16_t>(at + ipv6::payload_length, static_cast<std::uint16_t>(size - ipv6::size));
  at[ipv6::next_header] = protocol;
  at[ipv6::hop_limit] = outer.ttl;
  put(at + ipv6::source, outer.source);
  put(at + ipv6::destination, outer.destination);
}

/// UDP and GUE headers; `inner`: the sum of what follows, nothing: no checksum is sent.
void write_gue(std::uint8_t* at, const Outer& outer, std::uint8_t protocol, std::size_t size,
               const std::optional<Sum>& inner) noexcept {
  store_be<std::uint16_t>(at + udp::source_port, outer.source_port);
  store_be<std::uint16_t>(at + udp::destination_port, outer.destination_port);
  store_be<std::uint16_t>(at + udp::length, static_cast<std::uint16_t>(size));
  store_be<std::uint16_t>(at + udp::checksum, 0);
  std::uint8_t* const header = at + udp::size;
  header[gue::variant] = 0;  // variant 0, data message, no optional fields
  header[gue::protocol] = protocol;
  store_be<std::uint16_t>(header + gue::flags, 0);
  if (!inner) {
    return;
  }
  Sum sum = *inner;
  sum.add(outer.source);
  sum.add(outer.destination);
  sum.add16(ip_protocol::udp);
  sum.add16(size);
  sum.add(at, udp::size + gue::size);
  const auto field = static_cast<std::uint16_t>(~sum.folded());
  const std::uint16_t sent = field == 0 ? std::uint16_t{0xffff} : field;
  std::memcpy(at + udp::checksum, &sent, sizeof sent);
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

bool encapsulate(std::uint8_t* frame, const Parsed& parsed, std::size_t readable, const Outer& outer) noexcept {
  const bool v4 = outer.source.is_v4();
  const bool inner_v4 = parsed.source.is_v4();
  std::uint8_t* const inner = frame + parsed.l3_offset;
  const std::uint8_t inner_protocol = inner_v4 ? ip_protocol::ipip : ip_protocol::ipv6;
  const std::size_t ip_size = v4 ? ipv4::size : ipv6::size;
  const std::size_t size = encap_size(outer.encap, outer.source.family());
  std::uint8_t* const at = inner - size;
  std::uint8_t protocol = inner_protocol;
  if (outer.encap == Encap::gre) {
    protocol = ip_protocol::gre;
    store_be<std::uint16_t>(at + ip_size + gre::flags, 0);
    store_be<std::uint16_t>(at + ip_size + gre::type, inner_v4 ? ether_type::ipv4 : ether_type::ipv6);
  } else if (outer.encap == Encap::gue) {
    protocol = ip_protocol::udp;
    const auto sum = sum_of_inner(frame, parsed, readable);
    if (!sum && !v4) {
      return false;
    }
    write_gue(at + ip_size, outer, inner_protocol, size - ip_size + parsed.l3_size, sum);
  }
  const std::uint8_t tos = traffic_class(inner, inner_v4);
  v4 ? write_ipv4(at, outer, protocol, tos, size + parsed.l3_size)
     : write_ipv6(at, outer, protocol, tos, size + parsed.l3_size);
  return true;
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
