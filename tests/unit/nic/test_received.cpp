// Frames about which the device says something: checksums are summed over segments anew, tags go back in.
#include <gtest/gtest.h>
#include <rte_ether.h>

#include <cstring>

#include "environment.hpp"
#include "net/headers.hpp"
#include "net/parse.hpp"
#include "nic/received.hpp"
#include "support/packet_builder.hpp"

namespace limpet::nic {
namespace {

using limpet::test::Bytes;
using limpet::test::PacketBuilder;

/// In segments of `size` bytes, as a device would fill buffers.
rte_mbuf* in_segments(const Bytes& frame, std::size_t size) {
  rte_mbuf* head = nullptr;
  for (std::size_t at = 0; at < frame.size(); at += size) {
    const std::size_t here = std::min(size, frame.size() - at);
    rte_mbuf* segment = rte_pktmbuf_alloc(test::buffers().on_node(0));
    std::memcpy(rte_pktmbuf_append(segment, static_cast<std::uint16_t>(here)), frame.data() + at, here);
    head == nullptr ? static_cast<void>(head = segment) : static_cast<void>(rte_pktmbuf_chain(head, segment));
  }
  return head;
}

Bytes frame(bool v6, bool tcp, std::size_t payload) {
  PacketBuilder builder;
  builder.ethernet({{2, 0, 0, 0, 0, 9}}, {{2, 0, 0, 0, 0, 1}});
  v6 ? builder.ip("2001:db8:99::1", "2001:db8:1::10") : builder.ip("203.0.113.1", "192.0.2.10");
  builder.payload(std::string(payload, 'x'));
  tcp ? builder.tcp(40000, 80, net::tcp_flag::ack) : builder.udp(40000, 80);
  return builder.build();
}

TEST(Received, WrongChecksumsAreFoundWhereverTheBytesLie) {
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      for (const std::size_t payload : {0u, 1u, 8955u}) {
        for (const std::size_t size : {255u, 256u, 2048u}) {
          Bytes bytes = frame(v6, tcp, payload);
          rte_mbuf* right = in_segments(bytes, size);
          EXPECT_FALSE(l4_checksum_is_wrong(right)) << v6 << tcp << payload << " " << size;
          bytes.back() = static_cast<Bytes::value_type>(bytes.back() ^ 1);
          rte_mbuf* wrong = in_segments(bytes, size);
          EXPECT_TRUE(l4_checksum_is_wrong(wrong)) << v6 << tcp << payload << " " << size;
          rte_pktmbuf_free(right);
          rte_pktmbuf_free(wrong);
        }
      }
    }
  }
}

TEST(Received, UdpWithoutAChecksumIsRightInIpv4Only) {
  for (const bool v6 : {false, true}) {
    Bytes bytes = frame(v6, false, 100);
    const std::size_t at = 14 + (v6 ? 40u : 20u) + 6;
    bytes[at] = bytes[at + 1] = {};
    rte_mbuf* mbuf = in_segments(bytes, 2048);
    mbuf->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;  // as some devices say
    EXPECT_EQ(put_right(mbuf), !v6);
    rte_pktmbuf_free(mbuf);
  }
}

TEST(Received, ADeviceIsNotBelieved) {
  Bytes bytes = frame(false, true, 100);
  for (const bool damaged : {false, true}) {
    bytes.back() = static_cast<Bytes::value_type>(damaged ? 'y' : 'x');
    for (const auto flags : {RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0ULL, RTE_MBUF_F_RX_L4_CKSUM_BAD}) {
      rte_mbuf* mbuf = in_segments(bytes, 2048);
      mbuf->ol_flags = flags;
      EXPECT_EQ(put_right(mbuf), !(damaged && flags == RTE_MBUF_F_RX_L4_CKSUM_BAD)) << damaged << flags;
      rte_pktmbuf_free(mbuf);
    }
  }
}

TEST(Received, AChecksumThatTheHostLeftOutIsWritten) {
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      const Bytes bytes = frame(v6, tcp, 5001);
      Bytes unfinished = bytes;
      unfinished[14 + (v6 ? 40u : 20u) + (tcp ? 16u : 6u)] ^= 0x5a;
      rte_mbuf* mbuf = in_segments(unfinished, 2048);
      mbuf->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
      EXPECT_TRUE(put_right(mbuf));
      EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(mbuf, void*), bytes.data(), 2048), 0) << v6 << tcp;
      rte_pktmbuf_free(mbuf);
    }
  }
}

TEST(Received, ATagThatWasTakenOutGoesBackIn) {
  const Bytes bytes = frame(true, true, 3000);
  rte_mbuf* mbuf = in_segments(bytes, 2048);
  mbuf->vlan_tci = 0x2064;  // priority 1, VLAN 100
  mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  ASSERT_TRUE(put_right(mbuf));
  EXPECT_EQ(mbuf->pkt_len, bytes.size() + 4);
  net::Parsed parsed;
  net::parse(rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len, mbuf->pkt_len, parsed);
  EXPECT_EQ(parsed.error, net::ParseError::none);
  EXPECT_EQ(parsed.vlan, 100);
  EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED, 0u);
  rte_pktmbuf_free(mbuf);
}

}  // namespace
}  // namespace limpet::nic
