// A TCP packet's place in what its sender says. Pure, any thread.
#pragma once

#include <cstdint>

#include "net/tcp_edit.hpp"
#include "path/packet.hpp"

namespace limpet::path {

/// How far a sequence number lies behind another one; they wrap (RFC 9293, section 3.4).
[[nodiscard]] constexpr std::int32_t ahead(std::uint32_t number, std::uint32_t of) noexcept {
  return static_cast<std::int32_t>(number - of);
}

struct Segment {
  std::uint32_t sequence = 0;
  std::uint32_t size = 0;    // bytes of data
  std::uint16_t offset = 0;  // of the first in the packet
  bool fin = false;          // and behind them nothing more

  [[nodiscard]] constexpr std::uint32_t end() const noexcept { return sequence + size; }
  /// A FIN has a number of its own (RFC 9293, section 3.4).
  [[nodiscard]] constexpr std::uint32_t next() const noexcept { return end() + (fin ? 1 : 0); }
  [[nodiscard]] constexpr bool says_nothing() const noexcept { return size == 0 && !fin; }
  [[nodiscard]] constexpr bool has(std::uint32_t number) const noexcept { return number - sequence < size; }
};

/// All of the TCP header lies at hand.
[[nodiscard]] inline bool has_tcp_header(const Packet& packet, const net::Parsed& parsed) noexcept {
  const std::size_t header = net::tcp_header_size(packet.data, parsed);
  return header >= net::tcp::size && parsed.l4_offset - parsed.l3_offset + header <= parsed.l3_size &&
         parsed.l4_offset + header <= packet.contiguous;
}

/// The same, of no fragment.
[[nodiscard]] inline bool is_whole(const Packet& packet, const net::Parsed& parsed) noexcept {
  return !parsed.fragment && has_tcp_header(packet, parsed);
}

/// Of a packet that has_tcp_header().
[[nodiscard]] inline Segment segment_of(const Packet& packet, const net::Parsed& parsed) noexcept {
  const std::size_t header = net::tcp_header_size(packet.data, parsed);
  return {net::tcp_sequence(packet.data, parsed),
          static_cast<std::uint32_t>(net::tcp_payload_size(packet.data, parsed)),
          static_cast<std::uint16_t>(parsed.l4_offset + header), (parsed.tcp_flags & net::tcp_flag::fin) != 0};
}

}  // namespace limpet::path
