// Segments of a spliced connection, as the other side numbers: sequence, acknowledgment, the edges of selective ones,
// timestamps, and windows as the other side scales them; the checksum corrected by what changed (RFC 1624). No SYN. The
// TCP header lies at hand whole. Any thread.
#pragma once

#include <algorithm>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"
#include "net/tcp_options.hpp"
#include "splice/table.hpp"

namespace limpet::splice {

/// The edges of a segment that has options.
void edit_sack(const Entry& entry, std::uint8_t* l4) noexcept;
/// Timestamps that lie anywhere among a segment's options.
void edit_stamps(std::uint8_t* l4, const net::Timestamps& by) noexcept;

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

inline std::size_t header_size(const std::uint8_t* l4) noexcept {
  return (l4[net::tcp::data_offset] >> 4) * 4u;
}

/// Where timestamps lie that come first, behind two no-operations (RFC 7323, appendix A), as nearly all do.
inline constexpr std::size_t stamp_value = net::tcp::size + 4, stamp_echo = net::tcp::size + 8, stamps_end = 32;
inline bool begins_with_stamps(const std::uint8_t* l4) noexcept {
  constexpr std::uint32_t usual = net::tcp_option::no_operation << 24 | net::tcp_option::no_operation << 16 |
                                  net::tcp_option::timestamps << 8 | net::tcp_option::timestamps_size;
  return header_size(l4) >= stamps_end && load_be<std::uint32_t>(l4 + net::tcp::size) == usual;
}

}  // namespace detail

/// The window of a segment, as the other side scales it.
inline void shift_window(std::uint8_t* l4, int by) noexcept {
  net::Delta delta;
  detail::shift_window(l4, by, delta);
  delta.apply(l4 + net::tcp::checksum);
}

/// A client's, for its backend. `l4`: the TCP header.
[[gnu::always_inline]] inline void edit_inward(const Entry& entry, std::uint8_t* l4) noexcept {
  net::Delta delta;
  const bool acknowledges = (l4[net::tcp::flags] & net::tcp_flag::ack) != 0;
  if (acknowledges) {
    detail::move_field(l4, net::tcp::acknowledgment, 0 - entry.difference, delta);
  }
  if (entry.shift_in != 0) {
    detail::shift_window(l4, static_cast<int>(entry.shift_in), delta);
  }
  std::size_t known = net::tcp::size;  // of the header
  if (entry.stamped && acknowledges) {
    if (detail::begins_with_stamps(l4)) [[likely]] {
      detail::move_field(l4, detail::stamp_echo, 0 - entry.waiting, delta);
      known = detail::stamps_end;
    } else {
      edit_stamps(l4, {0, 0 - entry.waiting});
    }
  }
  delta.apply(l4 + net::tcp::checksum);
  if (acknowledges && detail::header_size(l4) > known) {
    edit_sack(entry, l4);
  }
}

/// A backend's, for its client.
[[gnu::always_inline]] inline void edit_outward(const Entry& entry, std::uint8_t* l4) noexcept {
  net::Delta delta;
  detail::move_field(l4, net::tcp::sequence, entry.difference, delta);
  if (entry.back_by != 0) {
    detail::shift_window(l4, entry.shift_out(), delta);
  }
  if (entry.stamped) {
    if (detail::begins_with_stamps(l4)) [[likely]] {
      detail::move_field(l4, detail::stamp_value, entry.waiting, delta);
    } else {
      edit_stamps(l4, {entry.waiting, 0});
    }
  }
  delta.apply(l4 + net::tcp::checksum);
}

}  // namespace limpet::splice
