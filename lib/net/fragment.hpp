// Which piece of which datagram a fragment is (RFC 791, section 3.2; RFC 8200, section 4.5). Any thread.
#pragma once

#include <cstdint>

#include "net/parsed.hpp"

namespace limpet::net {

struct Fragment {
  std::uint32_t id = 0;
  std::uint32_t offset = 0;  // bytes, a multiple of 8
  std::uint32_t size = 0;    // bytes
  bool more = false;         // others come behind it in the datagram
};

/// Of a packet that parse() has called a fragment; `frame` is the one it has read.
[[nodiscard]] Fragment read_fragment(const std::uint8_t* frame, const Parsed& parsed) noexcept;

}  // namespace limpet::net
