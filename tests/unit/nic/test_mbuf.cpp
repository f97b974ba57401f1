// mbuf -> Packet -> mbuf: what the path changes arrives, chains are joined or cut, nothing leaks.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "environment.hpp"
#include "nic/mbuf.hpp"

namespace limpet::nic {
namespace {

/// A chain of segments of these sizes, filled with 0, 1, 2, ... over the whole frame.
rte_mbuf* chain(const std::vector<std::uint16_t>& sizes) {
  rte_mbuf* head = nullptr;
  std::uint8_t next = 0;
  for (const auto size : sizes) {
    rte_mbuf* segment = rte_pktmbuf_alloc(test::buffers().on_node(0));
    char* bytes = rte_pktmbuf_append(segment, size);
    for (std::uint16_t i = 0; i < size; ++i) {
      bytes[i] = static_cast<char>(next++);
    }
    if (head == nullptr) {
      head = segment;
    } else {
      rte_pktmbuf_chain(head, segment);
    }
  }
  return head;
}

path::Packet packet_of(rte_mbuf* mbuf, PortIndex port) {
  path::Packet packet;
  packet.capacity = 4711;  // what was there before does not stay
  to_packet(mbuf, port, packet);
  return packet;
}

class Mbuf : public testing::Test {
 protected:
  void SetUp() override { before_ = test::buffers().available(); }
  void TearDown() override { EXPECT_EQ(test::buffers().available(), before_) << "a buffer leaked"; }

 private:
  unsigned before_ = 0;
};

TEST_F(Mbuf, DescribesASingleSegment) {
  rte_mbuf* mbuf = chain({100});
  const auto packet = packet_of(mbuf, PortIndex(3));
  EXPECT_EQ(packet.size, 100u);
  EXPECT_EQ(packet.contiguous, 100u);
  EXPECT_EQ(packet.headroom, RTE_PKTMBUF_HEADROOM);
  EXPECT_EQ(packet.capacity, mbuf->buf_len - RTE_PKTMBUF_HEADROOM);
  EXPECT_EQ(packet.port, PortIndex(3));
  EXPECT_EQ(packet.data[99], 99);
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, CarriesPrependingAndTrimmingBack) {
  rte_mbuf* mbuf = chain({100});
  auto packet = packet_of(mbuf, PortIndex(5));
  mbuf->ol_flags = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_RX_VLAN;
  packet.data -= 8;
  packet.size = 60;
  std::memset(packet.data, 0xee, 8);
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(to_mbuf(packet), mbuf);
    EXPECT_EQ(mbuf->pkt_len, 60u);
    EXPECT_EQ(mbuf->data_len, 60u);
    EXPECT_EQ(mbuf->data_off, RTE_PKTMBUF_HEADROOM - 8);
    EXPECT_EQ(mbuf->ol_flags, 0u);
    EXPECT_EQ(mbuf->port, 5);
    EXPECT_EQ(rte_pktmbuf_mtod(mbuf, std::uint8_t*)[7], 0xee);
    EXPECT_EQ(rte_pktmbuf_mtod(mbuf, std::uint8_t*)[8], 0);
  }
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, JoinsHeadersThatAreSpread) {
  rte_mbuf* mbuf = chain({14, 20, 20, 200});
  const auto packet = packet_of(mbuf, PortIndex(0));
  EXPECT_EQ(packet.contiguous, 254u);
  EXPECT_EQ(packet.size, 254u);
  for (unsigned i = 0; i < 254; ++i) {
    ASSERT_EQ(packet.data[i], i);
  }
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, LeavesAChainWhoseHeadersAreTogether) {
  rte_mbuf* mbuf = chain({300, 400});
  const auto packet = packet_of(mbuf, PortIndex(0));
  EXPECT_EQ(packet.contiguous, 300u);
  EXPECT_EQ(packet.size, 700u);
  EXPECT_EQ(packet.capacity, mbuf->buf_len - RTE_PKTMBUF_HEADROOM) << "of the first segment";
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, JoinsOnlyTheHeadersOfALargeFrame) {
  for (const std::vector<std::uint16_t>& sizes :
       {std::vector<std::uint16_t>{40, 1800, 1800}, {1, 255, 1800}, {14, 20, 20, 1000, 1000}, {255, 1, 1}}) {
    rte_mbuf* mbuf = chain(sizes);
    const std::uint32_t size = mbuf->pkt_len;
    const auto packet = packet_of(mbuf, PortIndex(0));
    EXPECT_EQ(packet.contiguous, headers_max_bytes);
    EXPECT_EQ(packet.size, size);
    const char* reason = nullptr;
    EXPECT_EQ(rte_mbuf_check(mbuf, 1, &reason), 0) << reason;
    std::vector<std::uint8_t> copy(size);
    const auto* all = static_cast<const std::uint8_t*>(rte_pktmbuf_read(mbuf, 0, size, copy.data()));
    for (std::uint32_t i = 0; i < size; ++i) {
      ASSERT_EQ(all[i], static_cast<std::uint8_t>(i)) << i;
    }
    rte_pktmbuf_free(mbuf);
  }
}

TEST_F(Mbuf, SaysHowLittleIsReadableWhenThereIsNoRoom) {
  rte_mbuf* mbuf = chain({40, 1800, 1800});
  mbuf->buf_len = RTE_PKTMBUF_HEADROOM + 60;
  const auto packet = packet_of(mbuf, PortIndex(0));
  EXPECT_EQ(packet.contiguous, 60u);
  EXPECT_EQ(packet.size, 3640u);
  mbuf->buf_len = rte_pktmbuf_data_room_size(mbuf->pool);
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, WhatLiesInOnePieceLeavesInOneSegment) {
  rte_mbuf* mbuf = chain({300, 400, 400});
  auto packet = packet_of(mbuf, PortIndex(0));
  packet.size = packet.contiguous = 576;  // an answer, longer than the first segment was
  std::memset(packet.data, 0x77, 576);
  EXPECT_EQ(to_mbuf(packet), mbuf);
  EXPECT_EQ(mbuf->nb_segs, 1);
  EXPECT_EQ(mbuf->data_len, 576u);
  EXPECT_EQ(mbuf->pkt_len, 576u);
  EXPECT_EQ(rte_pktmbuf_mtod(mbuf, std::uint8_t*)[575], 0x77);
  rte_pktmbuf_free(mbuf);
}

TEST_F(Mbuf, CutsAChainAnywhere) {
  for (const std::uint32_t size : {1u, 299u, 300u, 301u, 699u, 700u, 701u, 900u}) {
    rte_mbuf* mbuf = chain({300, 400, 200});
    auto packet = packet_of(mbuf, PortIndex(0));
    packet.size = size;
    to_mbuf(packet);
    EXPECT_EQ(mbuf->pkt_len, size);
    const char* reason = nullptr;
    EXPECT_EQ(rte_mbuf_check(mbuf, 1, &reason), 0) << size << ": " << reason;
    rte_pktmbuf_free(mbuf);
  }
}

TEST_F(Mbuf, PrependsToAChain) {
  rte_mbuf* mbuf = chain({300, 400});
  auto packet = packet_of(mbuf, PortIndex(0));
  packet.data -= 20;
  packet.size += 20;
  to_mbuf(packet);
  EXPECT_EQ(mbuf->data_len, 320u);
  const char* reason = nullptr;
  EXPECT_EQ(rte_mbuf_check(mbuf, 1, &reason), 0) << reason;
  rte_pktmbuf_free(mbuf);
}

}  // namespace
}  // namespace limpet::nic
