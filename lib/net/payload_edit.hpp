// What a TCP segment carries, changed in place, the checksums corrected by what changed (RFC 1624). The packet was
// parsed without an error. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

/// Opens a gap of `size` bytes at `at` of a frame that has been made to begin so many bytes earlier: what stands before
/// it moves there, and the IP packet is longer. The gap's bytes are all zeros to `delta`, of the TCP checksum.
std::uint8_t* open_gap(std::uint8_t* frame, Parsed& parsed, std::size_t at, std::size_t size, Delta& delta) noexcept;
/// The same of a frame with as much room behind it: what stands behind the gap moves back.
std::uint8_t* open_gap_behind(std::uint8_t* frame, Parsed& parsed, std::size_t at, std::size_t size,
                              Delta& delta) noexcept;

/// Writes `text`, of an even size, into a gap at `at`.
void fill_gap(std::uint8_t* frame, const Parsed& parsed, std::size_t at, std::string_view text, Delta delta) noexcept;

/// The bytes at `at` become `text`.
void overwrite(std::uint8_t* frame, const Parsed& parsed, std::size_t at, std::string_view text) noexcept;

}  // namespace limpet::net
