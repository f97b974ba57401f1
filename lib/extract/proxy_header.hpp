// The PROXY protocol, versions 1 and 2, as a trusted front puts it before the client's bytes (proxy-protocol.txt,
// sections 2.1 and 2.2). Any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "extract/found.hpp"
#include "net/address.hpp"

namespace limpet::extract {

inline constexpr std::size_t proxy_header_v1_bytes_max = 107;
inline constexpr std::size_t proxy_header_v2_bytes_max = 16 + 4096;  // with what else a front tells (TLVs)

struct ProxyHeader {
  Found found = Found::absent;
  std::size_t size_bytes = 0;  // of the header: what the client sent begins behind it
  bool tells = false;          // of a client: not LOCAL, UNKNOWN, or of another family than IPv4 and IPv6
  net::Endpoint client{};
  net::Endpoint destination{};  // where the client connected to
  friend constexpr bool operator==(const ProxyHeader&, const ProxyHeader&) noexcept = default;
};

/// The header that the bytes begin with. `absent`: they begin with something else. `malformed`: with one that is
/// broken, or longer than the limits. TLVs are passed over, and so are transports: the addresses of UDP count as those
/// of TCP.
[[nodiscard]] ProxyHeader read_proxy_header(std::string_view bytes) noexcept;

}  // namespace limpet::extract
