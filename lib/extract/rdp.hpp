// What a Remote Desktop client says of its session first: the X.224 Connection Request in a TPKT packet (RFC 1006,
// section 6; MS-RDPBCGR, section 2.2.1.1), with the line of a routing token or cookie. Any thread.
//
// `malformed`: no such packet, one of more than 255 bytes behind its length, or a line without its end. Bytes behind
// the line (the negotiation request) are not looked at.
#pragma once

#include <string_view>

#include "extract/found.hpp"
#include "net/address.hpp"

namespace limpet::extract {

/// The user of "Cookie: mstshash=USER".
[[nodiscard]] Value rdp_mstshash(std::string_view bytes) noexcept;

/// The backend of "Cookie: msts=ADDRESS.PORT.0000": address and port as decimal numbers whose bytes lie in reverse
/// order (MS-RDPBCGR, section 2.2.1.1, "routingToken": IPv4 only).
struct Routed {
  Found found = Found::absent;
  net::Endpoint backend{};
  friend constexpr bool operator==(const Routed&, const Routed&) noexcept = default;
};
[[nodiscard]] Routed rdp_msts(std::string_view bytes) noexcept;

}  // namespace limpet::extract
