// What tells a backend the address and port of a client that it does not see: a PROXY protocol header of version 2 in
// front of what a TCP segment carries (proxy-protocol.txt, section 2.2), or a TCP option as the kernel module toa reads
// it. Each goes into a packet as it is, and its checksums are corrected by what is new. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/headers.hpp"
#include "net/parsed.hpp"
#include "net/proxy_protocol.hpp"

namespace limpet::net {

/// Bytes of a header: signature, kind and length, two addresses and ports.
[[nodiscard]] constexpr std::size_t proxy_header_size(Family client) noexcept {
  return proxy_protocol::fixed_bytes +
         (client == Family::v4 ? proxy_protocol::ends_bytes_v4 : proxy_protocol::ends_bytes_v6);
}
/// Bytes of an option: kind, length, port, address.
[[nodiscard]] constexpr std::size_t address_option_size(Family client) noexcept {
  return client == Family::v4 ? 8 : 20;
}

/// Writes a header; both ends are of one family. Returns its size.
std::size_t write_proxy_header(std::uint8_t* to, const Endpoint& client, const Endpoint& vip) noexcept;

// Each of these lets a parsed TCP packet grow at its front: `frame` is where it will start, as many bytes before where
// it starts now, and `parsed` still as it was but for `l3_size`, which grows.

/// The header comes in front of the data, its bytes right before the packet's sequence number.
void put_proxy_header(std::uint8_t* frame, Parsed& parsed, const Endpoint& client, const Endpoint& vip) noexcept;
/// The option comes first of all. The TCP header has room for it: 60 bytes at most.
void put_address_option(std::uint8_t* frame, Parsed& parsed, const Endpoint& client) noexcept;

}  // namespace limpet::net
