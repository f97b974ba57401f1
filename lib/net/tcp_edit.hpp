// TCP headers changed in place, the checksum corrected by what changed (RFC 1624). The packet was parsed without an
// error and its TCP header lies here whole. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "net/headers.hpp"
#include "net/inserted.hpp"
#include "net/parsed.hpp"
#include "net/tcp_options.hpp"

namespace limpet::net {

/// Bytes of the TCP header.
[[nodiscard]] inline std::size_t tcp_header_size(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  return std::size_t{frame[parsed.l4_offset + tcp::data_offset]} / 16 * 4;
}
/// Bytes behind the TCP header.
[[nodiscard]] inline std::size_t tcp_payload_size(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  const std::size_t headers = parsed.l4_offset - parsed.l3_offset + tcp_header_size(frame, parsed);
  return parsed.l3_size - headers;
}
[[nodiscard]] inline std::uint32_t tcp_sequence(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  return load_be<std::uint32_t>(frame + parsed.l4_offset + tcp::sequence);
}
[[nodiscard]] inline std::uint32_t tcp_acknowledgment(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  return load_be<std::uint32_t>(frame + parsed.l4_offset + tcp::acknowledgment);
}

/// `by` is added, modulo 2^32.
void move_sequence(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept;
void move_acknowledgment(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept;

/// `by` is added to the edges of all blocks of a SACK option (RFC 2018, section 3).
void move_sack(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by) noexcept;
/// The same, and what the edges' sender has got of inserted bytes is no more than where they stand.
void move_sack(std::uint8_t* frame, const Parsed& parsed, std::uint32_t by, const Inserted& inserted) noexcept;

[[nodiscard]] std::optional<Timestamps> tcp_timestamps(const std::uint8_t* frame, const Parsed& parsed) noexcept;
/// `by` is added to a segment's timestamps, modulo 2^32.
void move_timestamps(std::uint8_t* frame, const Parsed& parsed, const Timestamps& by) noexcept;

[[nodiscard]] bool has_tcp_option(const std::uint8_t* frame, const Parsed& parsed, std::uint8_t kind) noexcept;
/// Options of these kinds become no-operations.
void blank_tcp_options(std::uint8_t* frame, const Parsed& parsed, std::span<const std::uint8_t> kinds) noexcept;
/// A SACK option with a block that begins before `first` (a duplicate SACK, RFC 2883) becomes no-operations.
void blank_sack_below(std::uint8_t* frame, const Parsed& parsed, std::uint32_t first) noexcept;

/// An acknowledgment without data becomes one of what it acknowledges, from the other side: ends and numbers swapped,
/// timestamps too, other options blank. The acknowledgment number becomes the sequence number. `frame` holds the whole
/// packet, whose addresses are swapped by this.
void turn_acknowledgment(std::uint8_t* frame, const Parsed& parsed) noexcept;

}  // namespace limpet::net
