// TCP segments without data that Limpet sends itself: one turned into its answer, and one made anew. Pure functions
// over bytes; any thread. 0: impossible or forbidden.
#pragma once

#include "l3/messages.hpp"

namespace limpet::l3 {

/// What a segment says (RFC 9293, section 3.1).
struct Segment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::span<const std::uint8_t> options{};  // whole words, at most 40 bytes
};

/// A segment becomes another one back to the MAC it came from, from `own`, its ends changed over. Tags stay; IP
/// options, extension headers and payload go. Not for fragments, or anything but TCP. `segment.options` lie elsewhere.
[[nodiscard]] std::size_t answer_segment(const Buffer& buffer, const Parsed& parsed, const Mac& own,
                                         const Segment& segment) noexcept;

/// A segment as its sender could have sent it besides: the headers before TCP's are the same.
[[nodiscard]] std::size_t segment_like(std::span<std::uint8_t> out, const std::uint8_t* frame, const Parsed& parsed,
                                       const Segment& segment) noexcept;

struct To {
  Mac from;
  Mac to;
  std::uint16_t vlan = 0;
};
/// A frame of its own. Returns its size.
[[nodiscard]] std::size_t make_segment(std::span<std::uint8_t> out, const To& link, const net::Endpoint& source,
                                       const net::Endpoint& destination, const Segment& segment) noexcept;

}  // namespace limpet::l3
