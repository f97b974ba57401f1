// Packets that wait for the MAC address of their next hop: few, bounded in count and time, in order of arrival.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"
#include "path/packet.hpp"
#include "plan/route_table.hpp"

namespace limpet::path {

struct Waiting {
  static constexpr unsigned capacity = 256;
  static constexpr Millis patience_ms = 4000;

  struct Item {
    Packet packet;
    plan::Hop hop;
    Millis since_ms = 0;
    std::uint16_t l3_offset = 0;
  };
  std::array<Item, capacity> items;
  unsigned count = 0;

  [[nodiscard]] bool full() const noexcept { return count == capacity; }
  [[nodiscard]] bool holds(const plan::Hop& hop) const noexcept {
    for (unsigned i = 0; i < count; ++i) {
      if (items[i].hop == hop) {
        return true;
      }
    }
    return false;
  }
};

}  // namespace limpet::path
