// What workers and control tell each other about neighbours, by rings: frames to learn from or to send, and
// addresses that a packet waits for.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/id.hpp"
#include "net/address.hpp"

namespace limpet::l3 {

/// An ARP or ND frame, whole. The longest that is made here is an advertisement behind two tags (94 bytes).
struct Frame {
  InterfaceIndex interface;
  std::uint16_t size = 0;
  std::array<std::uint8_t, 156> bytes;
  [[nodiscard]] std::span<const std::uint8_t> view() const noexcept { return {bytes.data(), size}; }
};
static_assert(std::is_trivially_copyable_v<Frame> && sizeof(Frame) == 160);

/// A worker has a packet for a neighbour whose MAC address is not known.
struct Want {
  InterfaceIndex interface;
  net::IpAddress address;
};
static_assert(std::is_trivially_copyable_v<Want>);

}  // namespace limpet::l3
