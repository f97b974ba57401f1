// Segments of a spliced connection, as the other side numbers: sequence, acknowledgment, the edges of selective ones,
// and windows as the other side scales them; the checksum corrected by what changed (RFC 1624). No SYN. The TCP header
// lies at hand whole. Any thread.
#pragma once

#include <algorithm>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"
#include "splice/table.hpp"

namespace limpet::splice {

/// The edges of a segment that has options.
void edit_sack(const Entry& entry, std::uint8_t* l4) noexcept;

namespace detail {

inline void move_field(std::uint8_t* l4, std::size_t field, std::uint32_t by, net::Delta& delta) noexcept {
  const auto before = load_be<std::uint32_t>(l4 + field);
  store_be<std::uint32_t>(l4 + field, before + by);
  delta.change32(before, before + by);
}

/// By another scale: shifted to the left, at most 65535, or, negative, to the right.
inline void shift_window(std::uint8_t* l4, int by, net::Delta& delta) noexcept {
  const auto before = load_be<std::uint16_t>(l4 + net::tcp::window);
  const std::uint32_t shifted = by >= 0 ? std::uint32_t{before} << by : std::uint32_t{before} >> -by;
  const auto after = static_cast<std::uint16_t>(std::min<std::uint32_t>(shifted, 0xffff));
  store_be<std::uint16_t>(l4 + net::tcp::window, after);
  delta.change16(before, after);
}

}  // namespace detail

/// The window of a segment, as the other side scales it.
inline void shift_window(std::uint8_t* l4, int by) noexcept {
  net::Delta delta;
  detail::shift_window(l4, by, delta);
  delta.apply(l4 + net::tcp::checksum);
}

/// A client's, for its backend. `l4`: the TCP header.
inline void edit_inward(const Entry& entry, std::uint8_t* l4) noexcept {
  net::Delta delta;
  const bool acknowledges = (l4[net::tcp::flags] & net::tcp_flag::ack) != 0;
  if (acknowledges) {
    detail::move_field(l4, net::tcp::acknowledgment, 0 - entry.difference, delta);
  }
  detail::shift_window(l4, entry.shift_in, delta);
  delta.apply(l4 + net::tcp::checksum);
  if (acknowledges && (l4[net::tcp::data_offset] >> 4) * 4u > net::tcp::size) {
    edit_sack(entry, l4);
  }
}

/// A backend's, for its client.
inline void edit_outward(const Entry& entry, std::uint8_t* l4) noexcept {
  net::Delta delta;
  detail::move_field(l4, net::tcp::sequence, entry.difference, delta);
  detail::shift_window(l4, entry.shift_out, delta);
  delta.apply(l4 + net::tcp::checksum);
}

}  // namespace limpet::splice
