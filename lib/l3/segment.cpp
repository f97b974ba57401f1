#include "l3/segment.hpp"

#include "l3/wire.hpp"

namespace limpet::l3 {
namespace {

using namespace net;

std::size_t size_of(const Segment& segment) noexcept {
  return tcp::size + segment.options.size();
}

void write_tcp(std::uint8_t* at, const Endpoint& source, const Endpoint& destination, const Segment& segment) noexcept {
  std::memset(at, 0, tcp::size);
  store_be<std::uint16_t>(at + tcp::source_port, source.l4_port);
  store_be<std::uint16_t>(at + tcp::destination_port, destination.l4_port);
  store_be<std::uint32_t>(at + tcp::sequence, segment.sequence);
  store_be<std::uint32_t>(at + tcp::acknowledgment, segment.acknowledgment);
  at[tcp::data_offset] = static_cast<std::uint8_t>(size_of(segment) / 4 << 4);
  at[tcp::flags] = segment.flags;
  store_be<std::uint16_t>(at + tcp::window, segment.window);
  std::copy(segment.options.begin(), segment.options.end(), at + tcp::size);
  const std::uint16_t sum = l4_checksum(source.address, destination.address, ip_protocol::tcp, at, size_of(segment));
  store_be<std::uint16_t>(at + tcp::checksum, sum);
}

/// IP and TCP headers at `at`; their size.
std::size_t write(std::uint8_t* at, const Endpoint& source, const Endpoint& destination,
                  const Segment& segment) noexcept {
  const std::size_t head = wire::write_ip(at, {.source = source.address,
                                               .destination = destination.address,
                                               .protocol = ip_protocol::tcp,
                                               .ttl = wire::hop_limit_own,
                                               .traffic_class = 0,
                                               .payload_size = size_of(segment)});
  write_tcp(at + head, source, destination, segment);
  return head + size_of(segment);
}

std::size_t ip_size(const IpAddress& address) noexcept {
  return address.is_v4() ? ipv4::size : ipv6::size;
}

bool is_whole_tcp(const Parsed& parsed) noexcept {
  return parsed.kind == Kind::ip && parsed.error == ParseError::none && parsed.protocol == ip_protocol::tcp &&
         !parsed.fragment;
}

}  // namespace

std::size_t answer_segment(const Buffer& buffer, const Parsed& parsed, const Mac& own,
                           const Segment& segment) noexcept {
  const std::size_t needed = std::size_t{parsed.l3_offset} + ip_size(parsed.source) + size_of(segment);
  if (!is_whole_tcp(parsed) || buffer.capacity < needed ||
      std::size_t{parsed.l3_offset} + parsed.l3_size > buffer.size || !wire::is_answerable(parsed.source)) {
    return 0;
  }
  const Endpoint source{parsed.destination, parsed.destination_port};
  const Endpoint destination{parsed.source, parsed.source_port};
  wire::turn_ethernet(buffer.data, own);
  return parsed.l3_offset + write(buffer.data + parsed.l3_offset, source, destination, segment);
}

std::size_t segment_like(std::span<std::uint8_t> out, const std::uint8_t* frame, const Parsed& parsed,
                         const Segment& segment) noexcept {
  const std::size_t size = std::size_t{parsed.l4_offset} + size_of(segment);
  if (!is_whole_tcp(parsed) || out.size() < size) {
    return 0;
  }
  std::memcpy(out.data(), frame, parsed.l4_offset);
  std::uint8_t* const ip = out.data() + parsed.l3_offset;
  const std::size_t l3_size = size - parsed.l3_offset;
  if (parsed.source.is_v4()) {
    store_be<std::uint16_t>(ip + ipv4::total_length, static_cast<std::uint16_t>(l3_size));
    store_be<std::uint16_t>(ip + ipv4::checksum, 0);
    store_be<std::uint16_t>(ip + ipv4::checksum,
                            checksum(ip, static_cast<std::size_t>(parsed.l4_offset - parsed.l3_offset)));
  } else {
    store_be<std::uint16_t>(ip + ipv6::payload_length, static_cast<std::uint16_t>(l3_size - ipv6::size));
  }
  write_tcp(out.data() + parsed.l4_offset, {parsed.source, parsed.source_port},
            {parsed.destination, parsed.destination_port}, segment);
  return size;
}

std::size_t make_segment(std::span<std::uint8_t> out, const To& link, const Endpoint& source,
                         const Endpoint& destination, const Segment& segment) noexcept {
  const bool v4 = source.address.is_v4();
  const std::size_t head =
      wire::write_ethernet(out, {link.from, link.vlan}, link.to, v4 ? ether_type::ipv4 : ether_type::ipv6,
                           ip_size(source.address) + size_of(segment));
  return head == 0 ? 0 : head + write(out.data() + head, source, destination, segment);
}

}  // namespace limpet::l3
