#include "l3/reset.hpp"

#include "l3/wire.hpp"

namespace limpet::l3 {
namespace {

using namespace net;

struct Numbers {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = tcp_flag::rst;
};

/// IP and TCP headers of a reset at `at`; their size.
std::size_t write_reset(std::uint8_t* at, const Endpoint& source, const Endpoint& destination,
                        const Numbers& numbers) noexcept {
  const std::size_t head = wire::write_ip(at, {.source = source.address,
                                               .destination = destination.address,
                                               .protocol = ip_protocol::tcp,
                                               .ttl = wire::hop_limit_own,
                                               .traffic_class = 0,
                                               .payload_size = tcp::size});
  std::uint8_t* const segment = at + head;
  std::memset(segment, 0, tcp::size);
  store_be<std::uint16_t>(segment + tcp::source_port, source.l4_port);
  store_be<std::uint16_t>(segment + tcp::destination_port, destination.l4_port);
  store_be<std::uint32_t>(segment + tcp::sequence, numbers.sequence);
  store_be<std::uint32_t>(segment + tcp::acknowledgment, numbers.acknowledgment);
  segment[tcp::data_offset] = 0x50;  // five words
  segment[tcp::flags] = numbers.flags;
  const std::uint16_t sum = l4_checksum(source.address, destination.address, ip_protocol::tcp, segment, tcp::size);
  store_be<std::uint16_t>(segment + tcp::checksum, sum);
  return head + tcp::size;
}

/// What a segment takes of the sequence space: its payload, SYN and FIN (RFC 9293, section 3.4).
std::uint32_t sequence_size(const Buffer& buffer, const Parsed& parsed) noexcept {
  const std::size_t size = wire::l4_size(parsed);
  const std::size_t header = static_cast<std::size_t>(buffer.data[parsed.l4_offset + tcp::data_offset] >> 4) * 4;
  const auto payload = static_cast<std::uint32_t>(header <= size ? size - header : 0);
  return payload + ((parsed.tcp_flags & tcp_flag::syn) != 0 ? 1 : 0) +
         ((parsed.tcp_flags & tcp_flag::fin) != 0 ? 1 : 0);
}

}  // namespace

std::size_t reset_in_place(const Buffer& buffer, const Parsed& parsed, const Mac& own) noexcept {
  const std::size_t needed =
      std::size_t{parsed.l3_offset} + (parsed.source.is_v4() ? ipv4::size : ipv6::size) + tcp::size;
  if (parsed.kind != Kind::ip || parsed.error != ParseError::none || parsed.protocol != ip_protocol::tcp ||
      parsed.fragment || (parsed.tcp_flags & tcp_flag::rst) != 0 || buffer.capacity < needed ||
      std::size_t{parsed.l3_offset} + parsed.l3_size > buffer.size || !wire::is_answerable(parsed.source)) {
    return 0;
  }
  const std::uint8_t* const segment = buffer.data + parsed.l4_offset;
  const bool acknowledges = (parsed.tcp_flags & tcp_flag::ack) != 0;
  Numbers numbers;
  if (acknowledges) {
    numbers.sequence = load_be<std::uint32_t>(segment + tcp::acknowledgment);
  } else {
    numbers.acknowledgment = load_be<std::uint32_t>(segment + tcp::sequence) + sequence_size(buffer, parsed);
    numbers.flags = tcp_flag::rst | tcp_flag::ack;
  }
  const Endpoint source{parsed.destination, parsed.destination_port};
  const Endpoint destination{parsed.source, parsed.source_port};
  wire::turn_ethernet(buffer.data, own);
  return parsed.l3_offset + write_reset(buffer.data + parsed.l3_offset, source, destination, numbers);
}

std::size_t make_reset(std::span<std::uint8_t> out, const To& link, const Segment& segment) noexcept {
  const bool v4 = segment.source.address.is_v4();
  const std::size_t head =
      wire::write_ethernet(out, {link.from, link.vlan}, link.to, v4 ? ether_type::ipv4 : ether_type::ipv6,
                           (v4 ? ipv4::size : ipv6::size) + tcp::size);
  if (head == 0) {
    return 0;
  }
  return head + write_reset(out.data() + head, segment.source, segment.destination,
                            {segment.sequence, segment.acknowledgment, tcp_flag::rst | tcp_flag::ack});
}

}  // namespace limpet::l3
