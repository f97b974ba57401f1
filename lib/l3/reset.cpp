#include "l3/reset.hpp"

#include "l3/wire.hpp"

namespace limpet::l3 {
namespace {

using namespace net;

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
  if (parsed.error != ParseError::none || parsed.protocol != ip_protocol::tcp || parsed.l4_offset == 0 ||
      (parsed.tcp_flags & tcp_flag::rst) != 0) {
    return 0;
  }
  const std::uint8_t* const segment = buffer.data + parsed.l4_offset;
  Segment reset{.flags = tcp_flag::rst};
  if ((parsed.tcp_flags & tcp_flag::ack) != 0) {
    reset.sequence = load_be<std::uint32_t>(segment + tcp::acknowledgment);
  } else {
    reset.acknowledgment = load_be<std::uint32_t>(segment + tcp::sequence) + sequence_size(buffer, parsed);
    reset.flags = tcp_flag::rst | tcp_flag::ack;
  }
  return answer_segment(buffer, parsed, own, reset);
}

}  // namespace limpet::l3
