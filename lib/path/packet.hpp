// One packet in hand, without naming a device: bytes and room around them, and the Io's own handle.
// The Io that made a Packet learns of changed `data` and `size` when it gets the Packet back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/id.hpp"

namespace limpet::path {

inline constexpr unsigned burst_max = 32;

struct Packet {
  std::uint8_t* data = nullptr;  // start of the Ethernet frame
  void* buffer = nullptr;        // the Io's handle (an rte_mbuf, a slot of a capture)
  std::uint32_t size = 0;        // bytes of the whole frame
  std::uint16_t contiguous = 0;  // bytes readable at `data`; less than `size` when the rest lies in other segments;
                                 // 0: a checksum is wrong
  std::uint16_t headroom = 0;    // writable bytes before `data`
  std::uint16_t capacity = 0;    // writable bytes from `data` on, of the first segment
  PortIndex port;                // received on; for packets from control and kernel: to leave by
};
static_assert(sizeof(Packet) == 32);

/// The frame begins `by` bytes earlier, of its headroom; later where that is negative.
inline void begin_earlier(Packet& packet, std::ptrdiff_t by) noexcept {
  packet.data -= by;
  packet.size = static_cast<std::uint32_t>(packet.size + by);
  packet.contiguous = static_cast<std::uint16_t>(packet.contiguous + by);
  packet.headroom = static_cast<std::uint16_t>(packet.headroom - by);
  packet.capacity = static_cast<std::uint16_t>(packet.capacity + by);
}

enum class Origin : std::uint8_t {
  port,     // a receive queue; index: port
  worker,   // handed off by another worker; index: that worker
  control,  // frames that control sends (ARP, ND); Packet::port says where
  kernel,   // the exception device of a port; index: that port
  self,     // what this worker kept or made itself
};
struct Source {
  Origin origin = Origin::port;
  std::uint16_t index = 0;
};

enum class Outlet : std::uint8_t {
  port,     // transmit; index: port
  worker,   // hand off; index: worker
  kernel,   // the exception device of a port; index: port
  release,  // give the buffer back
};
struct Destination {
  Outlet outlet = Outlet::release;
  std::uint16_t index = 0;
  friend constexpr bool operator==(Destination, Destination) noexcept = default;
};

// An Io is any class with
//   std::span<const Source> sources() const;
//   unsigned receive(Source, Packet* packets, unsigned max);            // how many were filled in
//   unsigned transmit(Destination, const Packet* packets, unsigned n);  // how many of the first were taken;
//                                                                       // `release` always takes all
//   bool make(PortIndex received_on, std::span<const std::uint8_t> frame, Packet& packet);  // a packet of its own;
//                                                                       // false: no buffer left. Not all have it

}  // namespace limpet::path
