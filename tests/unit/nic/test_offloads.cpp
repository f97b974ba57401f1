// What is asked of devices, over tables of what they say that they can.
#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <vector>

#include "nic/offloads.hpp"

namespace limpet::nic {
namespace {

constexpr std::uint64_t sums = RTE_ETH_RX_OFFLOAD_CHECKSUM;
constexpr std::uint64_t scatter = RTE_ETH_RX_OFFLOAD_SCATTER;
constexpr std::uint64_t strip = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
constexpr std::uint64_t gather = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

TEST(Offloads, AreWhatTheDeviceCanAndThePortNeeds) {
  struct Row {
    const char* what;
    OffloadCapabilities device;
    std::uint64_t receive, transmit, look_at;
    const char* words;
  };
  const Row rows[] = {
      {"nothing", {"net_null", 0, 0, 1526}, 0, 0, 0, "checksums in software"},
      {"a large NIC, usual frames",
       {"net_ice", sums | scatter | strip | RTE_ETH_RX_OFFLOAD_TIMESTAMP, gather | RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 1526},
       sums,
       gather,
       RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_VLAN_STRIPPED,
       "checksums by the NIC"},
      {"the same, large frames",
       {"net_ice", sums | scatter, gather, 9026},
       sums | scatter,
       gather,
       RTE_MBUF_F_RX_L4_CKSUM_BAD,
       "checksums by the NIC, frames in segments"},
      {"IPv4 headers only",
       {"net_old", RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, 0, 1526},
       RTE_ETH_RX_OFFLOAD_IPV4_CKSUM,
       0,
       0,
       "checksums in software"},
      {"UDP only",
       {"net_odd", RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 0, 1526},
       RTE_ETH_RX_OFFLOAD_UDP_CKSUM,
       0,
       RTE_MBUF_F_RX_L4_CKSUM_BAD,
       "checksums by the NIC"},
      {"chains unasked", {"net_memif", 0, gather, 9026}, 0, gather, 0, "checksums in software, frames in segments"},
  };
  for (const auto& row : rows) {
    const auto chosen = choose_offloads(row.device, 2048);
    EXPECT_EQ(chosen.receive, row.receive) << row.what;
    EXPECT_EQ(chosen.transmit, row.transmit) << row.what;
    EXPECT_EQ(chosen.look_at, row.look_at) << row.what;
    EXPECT_EQ(chosen.words(), row.words) << row.what;
  }
}

TEST(Offloads, ABufferThatHoldsAllNeedsNoSegments) {
  EXPECT_FALSE(choose_offloads({"net_ice", scatter, gather, 9026}, 9026).segments);
  EXPECT_EQ(choose_offloads({"net_ice", scatter, gather, 9026}, 9026).receive, 0u);
}

TEST(Offloads, BuffersAreSmallWhereAllDevicesDoWithThat) {
  struct Row {
    const char* what;
    std::vector<OffloadCapabilities> devices;
    std::uint32_t room;
  };
  const OffloadCapabilities usual{"net_ice", scatter, gather, 1526}, large{"net_ice", scatter, gather, 9026};
  const OffloadCapabilities plain{"net_af_packet", 0, 0, 1526}, plain_large{"net_af_packet", 0, 0, 9026};
  const Row rows[] = {
      {"usual frames", {usual, usual}, 2048},
      {"usual frames, nothing can be done", {plain, plain}, 2048},
      {"one port with large frames", {usual, large}, 2048},
      {"it can't scatter", {usual, {"net_dumb", 0, gather, 9026}}, 9026},
      {"the other one can't gather", {plain, large}, 9026},
      {"neither can", {plain_large, plain}, 9026},
      {"memif says nothing and does both", {{"net_memif", 0, 0, 9026}, large}, 2048},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(buffer_room(row.devices), row.room) << row.what;
  }
}

}  // namespace
}  // namespace limpet::nic
