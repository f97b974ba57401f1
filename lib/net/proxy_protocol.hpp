// The fixed bytes of the PROXY protocol, which tells a server of a client behind a proxy (proxy-protocol.txt, section
// 2.2), for those who write it and those who read it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace limpet::net::proxy_protocol {

inline constexpr std::uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
inline constexpr std::size_t fixed_bytes = 16;                        // signature, version and command, family, length
inline constexpr std::size_t command = 12, family = 13, length = 14;  // where they lie

inline constexpr std::uint8_t version_2_local = 0x20, version_2_proxy = 0x21;
inline constexpr std::uint8_t over_v4 = 0x10, over_v6 = 0x20;  // of the family, with what it carries in the low half
inline constexpr std::uint8_t tcp_over_v4 = 0x11, tcp_over_v6 = 0x21;
inline constexpr std::size_t ends_bytes_v4 = 12, ends_bytes_v6 = 36;  // two addresses, two ports

}  // namespace limpet::net::proxy_protocol
