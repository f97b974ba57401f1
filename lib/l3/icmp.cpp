// ICMP and ICMPv6 made in place: echo replies, and errors that quote the packet they are about.
#include <algorithm>

#include "l3/messages.hpp"
#include "l3/wire.hpp"

namespace limpet::l3 {
namespace {

using namespace net;

struct TypeAndCode {
  std::uint8_t type, code;
};

TypeAndCode wire_form(IcmpError error, bool v4) noexcept {
  switch (error) {
    case IcmpError::ttl_exceeded:
      return v4 ? TypeAndCode{icmp::time_exceeded, 0} : TypeAndCode{icmpv6::time_exceeded, 0};
    case IcmpError::no_route:
      return v4 ? TypeAndCode{icmp::unreachable, 0} : TypeAndCode{icmpv6::unreachable, 0};
    case IcmpError::no_neighbour:
      return v4 ? TypeAndCode{icmp::unreachable, 1} : TypeAndCode{icmpv6::unreachable, 3};
    case IcmpError::port_unreachable:
      return v4 ? TypeAndCode{icmp::unreachable, 3} : TypeAndCode{icmpv6::unreachable, 4};
    case IcmpError::prohibited:
      return v4 ? TypeAndCode{icmp::unreachable, 13} : TypeAndCode{icmpv6::unreachable, 1};
    case IcmpError::too_big:
      return v4 ? TypeAndCode{icmp::unreachable, 4} : TypeAndCode{icmpv6::packet_too_big, 0};
  }
  return {0, 0};
}

bool whole_packet_is_here(const Buffer& buffer, const Parsed& parsed) noexcept {
  return parsed.kind == Kind::ip && parsed.error == ParseError::none &&
         std::size_t{parsed.l3_offset} + parsed.l3_size <= buffer.size;
}

}  // namespace

bool is_icmp_error(const Parsed& parsed) noexcept {
  if (parsed.source.is_v4()) {
    const std::uint8_t type = parsed.icmp_type;
    return parsed.protocol == ip_protocol::icmp &&
           (type == icmp::unreachable || type == icmp::source_quench || type == icmp::redirect ||
            type == icmp::time_exceeded || type == icmp::parameter_problem);
  }
  return parsed.protocol == ip_protocol::icmpv6 && (parsed.icmp_type < 128 || parsed.icmp_type == icmpv6::redirect);
}

std::size_t echo_reply_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept {
  const bool v4 = parsed.source.is_v4();
  const std::uint8_t protocol = v4 ? ip_protocol::icmp : ip_protocol::icmpv6;
  const std::uint8_t request = v4 ? icmp::echo_request : icmpv6::echo_request;
  const std::uint8_t reply = v4 ? icmp::echo_reply : icmpv6::echo_reply;
  if (!whole_packet_is_here(buffer, parsed) || parsed.fragment || parsed.protocol != protocol ||
      parsed.icmp_type != request || !wire::is_answerable(parsed.source) || parsed.destination.is_multicast() ||
      wire::mac_at(buffer.data + ethernet::source).is_multicast()) {
    return 0;
  }
  std::uint8_t* const ip = buffer.data + parsed.l3_offset;
  const std::size_t size = wire::l4_size(parsed);
  const auto traffic_class =
      v4 ? ip[ipv4::tos] : static_cast<std::uint8_t>(load_be<std::uint16_t>(ip) >> 4);  // RFC 1812, section 4.3.3.6
  std::uint8_t* const message = ip + (v4 ? ipv4::size : ipv6::size);
  if (message != buffer.data + parsed.l4_offset) {  // else it may lie in several segments
    std::memmove(message, buffer.data + parsed.l4_offset, size);
  }
  wire::write_ip(ip, {.source = parsed.destination,
                      .destination = parsed.source,
                      .protocol = protocol,
                      .ttl = wire::hop_limit_own,
                      .traffic_class = traffic_class,
                      .payload_size = size});
  const std::uint8_t before[2] = {message[0], message[1]};
  message[icmp::type] = reply;
  Delta delta;
  delta.change(before, message, sizeof before);
  delta.apply(message + icmp::checksum);
  wire::turn_ethernet(buffer.data, own);
  return static_cast<std::size_t>(message - buffer.data) + size;
}

bool may_send_error(const Buffer& buffer, const Parsed& parsed) noexcept {
  if (parsed.kind != Kind::ip || parsed.error != ParseError::none || parsed.l4_offset == 0 ||
      buffer.size < ethernet::size) {
    return false;
  }
  const IpAddress& to = parsed.destination;
  return !wire::mac_at(buffer.data + ethernet::destination).is_multicast() &&
         !wire::mac_at(buffer.data + ethernet::source).is_multicast() && wire::is_answerable(parsed.source) &&
         !to.is_multicast() && !(to.is_v4() && to.v4_host() == 0xffffffff) && !is_icmp_error(parsed);
}

std::size_t error_in_place(const Buffer& buffer, const Parsed& parsed, IcmpError error, const Mac& own,
                           const IpAddress& own_address, std::uint16_t mtu) noexcept {
  const bool v4 = parsed.source.is_v4();
  const std::size_t head = (v4 ? ipv4::size : ipv6::size) + icmp::size;
  if (!may_send_error(buffer, parsed) || own_address.is_v4() != v4 || buffer.size <= parsed.l3_offset ||
      buffer.capacity < parsed.l3_offset + head) {
    return 0;
  }
  const std::size_t here = std::min<std::size_t>(parsed.l3_size, buffer.size - parsed.l3_offset);
  const std::size_t quote =
      std::min({here, room_for_quote(own_address.family()), buffer.capacity - parsed.l3_offset - head});
  // IP header and 8 bytes at least (RFC 792): less names no flow. Parsing has seen that the packet has them.
  const std::size_t needed = std::size_t{parsed.l4_offset} - parsed.l3_offset + icmp::size;
  if (quote < std::min<std::size_t>(needed, parsed.l3_size)) {
    return 0;
  }
  std::uint8_t* const ip = buffer.data + parsed.l3_offset;
  const std::size_t size = write_error(ip, ip, quote, error, own_address, parsed.source, mtu);
  wire::turn_ethernet(buffer.data, own);
  return parsed.l3_offset + size;
}

std::size_t write_error(std::uint8_t* ip, const std::uint8_t* quoted, std::size_t size, IcmpError error,
                        const IpAddress& from, const IpAddress& to, std::uint16_t mtu) noexcept {
  const bool v4 = from.is_v4();
  const std::size_t head = (v4 ? ipv4::size : ipv6::size) + icmp::size;
  std::memmove(ip + head, quoted, size);
  std::uint8_t* const message = ip + wire::write_ip(ip, {.source = from,
                                                         .destination = to,
                                                         .protocol = v4 ? ip_protocol::icmp : ip_protocol::icmpv6,
                                                         .ttl = wire::hop_limit_own,
                                                         .traffic_class = v4 ? wire::class_control : std::uint8_t{0},
                                                         .payload_size = icmp::size + size});
  const TypeAndCode form = wire_form(error, v4);
  message[icmp::type] = form.type;
  message[icmp::code] = form.code;
  store_be<std::uint32_t>(message + icmp::body, error == IcmpError::too_big ? mtu : 0u);  // low 16 bits in both
  wire::write_icmp_checksum(message, icmp::size + size, from, to);
  return head + size;
}

std::size_t room_for_quote(Family family) noexcept {
  return family == Family::v4 ? 576 - ipv4::size - icmp::size : 1280 - ipv6::size - icmp::size;
}

}  // namespace limpet::l3
