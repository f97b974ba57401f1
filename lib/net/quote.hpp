// The packet that an ICMP or ICMPv6 error quotes: read as far as it is there, and its ends rewritten in place.
// Any thread; a quote is hostile until read_quote() says otherwise, and cut short by right (RFC 792, RFC 4443).
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/headers.hpp"
#include "net/parsed.hpp"

namespace limpet::net {

/// What kind of ICMP message a packet is, as far as it concerns connections.
enum class IcmpErrors : std::uint8_t {
  none,     // no error, or no ICMP
  relayed,  // unreachable, too big, time exceeded, parameter problem
  ignored,  // source quench (RFC 6633), redirect, types not known
};
[[nodiscard]] IcmpErrors icmp_error_of(const Parsed& parsed) noexcept;

enum class QuoteError : std::uint8_t {
  none,
  malformed,  // contradicts itself, or too short to name a flow
  fragment,   // of a later fragment, which has no ports
  other,      // neither TCP nor UDP
};

/// Offsets are bytes from the start of the frame.
struct Quote {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;
  std::uint16_t end = 0;  // of what is quoted and contiguous
  std::uint8_t protocol = 0;
  QuoteError error = QuoteError::none;  // other than none: ports are not set; malformed: nothing is
};

/// The quote in an error of IcmpErrors::relayed, `contiguous` bytes of whose frame are readable.
[[nodiscard]] Quote read_quote(const std::uint8_t* frame, std::size_t contiguous, const Parsed& parsed) noexcept;

/// Rewrites the quoted packet's ends. No address or port 0: kept. Corrects the checksums of the quoted headers, as far
/// as they are there, and the error's own. Addresses are of the quote's family, and `quote` has no error.
void rewrite_quote(std::uint8_t* frame, const Parsed& parsed, const Quote& quote, const Endpoint& source,
                   const Endpoint& destination) noexcept;

/// The TCP sequence number of the quoted packet, which has no error; and `by` added to it, likewise.
[[nodiscard]] std::uint32_t quoted_sequence(const std::uint8_t* frame, const Quote& quote) noexcept;
void move_quoted_sequence(std::uint8_t* frame, const Parsed& parsed, const Quote& quote, std::uint32_t by) noexcept;

}  // namespace limpet::net
