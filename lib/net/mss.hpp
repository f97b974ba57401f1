// The maximum segment size that a TCP SYN asks for (RFC 9293, section 3.7.1), lowered on its way.
#pragma once

#include <cstdint>

#include "net/parsed.hpp"

namespace limpet::net {

/// Lowers the MSS option of a TCP segment with SYN to `max`, if it has one that is larger, and corrects the checksum
/// by that (RFC 1624). The segment's header lies contiguous. Options that contradict themselves are left alone.
void clamp_mss(std::uint8_t* frame, const Parsed& parsed, std::uint16_t max) noexcept;

/// The MSS that a SYN asks for, where it does, becomes less by `by`.
void lower_mss(std::uint8_t* frame, const Parsed& parsed, std::uint16_t by) noexcept;

}  // namespace limpet::net
