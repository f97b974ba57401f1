// What a device takes off our hands beside moving frames: chosen at start from what it says that it can. Pure.
//
// Checksums: the NIC's word is used where it has one, and only to look closer (see received.hpp). Without it the path
// checks IPv4 headers, and what it rewrites keeps TCP and UDP checksums as right or wrong as they came. On the way out
// checksums and tags are written with the headers that they belong to, which costs less than to describe them to a NIC.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace limpet::nic {

/// As rte_eth_dev_info reports it.
struct OffloadCapabilities {
  std::string_view driver;
  std::uint64_t receive = 0;      // rx_offload_capa
  std::uint64_t transmit = 0;     // tx_offload_capa
  std::uint32_t frame_bytes = 0;  // the largest that the port is to carry
};

/// Whether frames larger than a buffer come in several.
[[nodiscard]] bool can_scatter(const OffloadCapabilities& device) noexcept;
/// Whether frames in several buffers can be sent.
[[nodiscard]] bool can_gather(const OffloadCapabilities& device) noexcept;

/// Bytes of a frame that a buffer is to hold: all of the largest, or a usual one where all devices can do with that.
[[nodiscard]] std::uint32_t buffer_room(std::span<const OffloadCapabilities> devices) noexcept;

struct Offloads {
  std::uint64_t receive = 0;                // to switch on
  std::uint64_t transmit = 0;               // likewise
  std::uint64_t look_at = 0;                // flags of received frames that are not to be passed over
  bool segments = false;                    // frames larger than a buffer come in several
  [[nodiscard]] std::string words() const;  // for `show ports`
};
/// `room_bytes`: of a buffer.
[[nodiscard]] Offloads choose_offloads(const OffloadCapabilities& device, std::uint32_t room_bytes) noexcept;

}  // namespace limpet::nic
