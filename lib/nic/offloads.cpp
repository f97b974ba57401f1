#include "nic/offloads.hpp"

#include <fmt/format.h>
#include <rte_ethdev.h>

#include <algorithm>

namespace limpet::nic {
namespace {

constexpr std::uint32_t usual_frame_bytes = 2048;

/// Drivers that chain buffers without saying so.
bool chains_unasked(std::string_view driver) noexcept {
  return driver == "net_memif" || driver == "net_pcap";
}

}  // namespace

bool can_scatter(const OffloadCapabilities& device) noexcept {
  return (device.receive & RTE_ETH_RX_OFFLOAD_SCATTER) != 0 || chains_unasked(device.driver);
}

bool can_gather(const OffloadCapabilities& device) noexcept {
  return (device.transmit & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0 || chains_unasked(device.driver);
}

std::uint32_t buffer_room(std::span<const OffloadCapabilities> devices) noexcept {
  std::uint32_t largest = usual_frame_bytes;
  bool in_segments = true;
  for (const auto& device : devices) {
    largest = std::max(largest, device.frame_bytes);
    in_segments = in_segments && can_gather(device) && (device.frame_bytes <= usual_frame_bytes || can_scatter(device));
  }
  return in_segments ? usual_frame_bytes : largest;
}

Offloads choose_offloads(const OffloadCapabilities& device, std::uint32_t room_bytes) noexcept {
  Offloads chosen;
  chosen.segments = device.frame_bytes > room_bytes;
  chosen.receive = device.receive & RTE_ETH_RX_OFFLOAD_CHECKSUM;
  if (chosen.segments) {
    chosen.receive |= device.receive & RTE_ETH_RX_OFFLOAD_SCATTER;
  }
  chosen.transmit = device.transmit & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if ((chosen.receive & (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)) != 0) {
    chosen.look_at |= RTE_MBUF_F_RX_L4_CKSUM_BAD;  // set in ..._NONE, too
  }
  if ((device.receive & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0) {  // not asked for, but a host may force it on its guests
    chosen.look_at |= RTE_MBUF_F_RX_VLAN_STRIPPED;
  }
  return chosen;
}

std::string Offloads::words() const {
  const bool checks = (look_at & RTE_MBUF_F_RX_L4_CKSUM_BAD) != 0;
  return fmt::format("{}{}", checks ? "checksums by the NIC" : "checksums in software",
                     segments ? ", frames in segments" : "");
}

}  // namespace limpet::nic
