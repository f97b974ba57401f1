// A packet between DPDK and the path: mbuf -> path::Packet on the way in, back on the way out. Workers' threads.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "path/packet.hpp"

namespace limpet::nic {

/// Bytes at the start of a frame that the path wants in one piece: Ethernet, tags, IP with options or extension
/// headers, TCP with options.
inline constexpr std::uint32_t headers_max_bytes = 256;

namespace detail {

/// Brings the frame's first headers_max_bytes into its first segment, as far as there is room.
inline void join_headers(rte_mbuf* head) noexcept {
  std::uint32_t missing = std::min(head->pkt_len, headers_max_bytes) - head->data_len;
  missing = std::min<std::uint32_t>(missing, rte_pktmbuf_tailroom(head));
  while (missing != 0 && head->next != nullptr) {
    rte_mbuf* const next = head->next;
    const auto taken = static_cast<std::uint16_t>(std::min<std::uint32_t>(missing, next->data_len));
    std::memcpy(rte_pktmbuf_mtod_offset(head, std::uint8_t*, head->data_len), rte_pktmbuf_mtod(next, std::uint8_t*),
                taken);
    head->data_len = static_cast<std::uint16_t>(head->data_len + taken);
    next->data_off = static_cast<std::uint16_t>(next->data_off + taken);
    next->data_len = static_cast<std::uint16_t>(next->data_len - taken);
    missing -= taken;
    if (next->data_len == 0) {
      head->next = next->next;
      --head->nb_segs;
      next->next = nullptr;
      next->nb_segs = 1;
      rte_pktmbuf_free_seg(next);
    }
  }
}

}  // namespace detail

/// Describes a received frame in `packet`. Headers spread over segments are joined when there is room; otherwise
/// `contiguous` says how little is readable, and the path counts it. Writes field by field where the packet is to lie:
/// a copy of what was just written in small pieces would wait for all of them.
inline void to_packet(rte_mbuf* mbuf, PortIndex port, path::Packet& packet) noexcept {
  if (mbuf->nb_segs > 1 && mbuf->data_len < std::min(mbuf->pkt_len, headers_max_bytes)) {
    detail::join_headers(mbuf);
  }
  packet.data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  packet.buffer = mbuf;
  packet.size = mbuf->pkt_len;
  packet.contiguous = mbuf->data_len;
  packet.headroom = mbuf->data_off;
  packet.capacity = static_cast<std::uint16_t>(mbuf->buf_len - mbuf->data_off);
  packet.port = port;
}

namespace detail {

/// Cuts a chain to `size` bytes and frees segments that are left without any.
inline void trim_chain(rte_mbuf* head, std::uint32_t size) noexcept {
  rte_mbuf* segment = head;
  std::uint32_t left = size;
  std::uint16_t kept = 1;
  while (left > segment->data_len && segment->next != nullptr) {
    left -= segment->data_len;
    segment = segment->next;
    ++kept;
  }
  segment->data_len = static_cast<std::uint16_t>(std::min<std::uint32_t>(left, segment->data_len));
  rte_mbuf* rest = segment->next;
  segment->next = nullptr;
  head->nb_segs = kept;
  rte_pktmbuf_free(rest);
}

}  // namespace detail

/// Puts what the path changed (`data`, `size`) into the mbuf and gives it back, ready to send or hand on. May be
/// called again for the same packet. What lies in one piece leaves in one segment.
inline rte_mbuf* to_mbuf(const path::Packet& packet) noexcept {
  auto* mbuf = static_cast<rte_mbuf*>(packet.buffer);
  const auto offset = static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(mbuf->buf_addr));
  if (mbuf->nb_segs == 1) {
    mbuf->data_len = static_cast<std::uint16_t>(packet.size);
  } else if (packet.contiguous == packet.size) {  // an answer made of the first segment may be longer than that was
    mbuf->data_len = static_cast<std::uint16_t>(packet.size);
    detail::trim_chain(mbuf, packet.size);
  } else {
    mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len + mbuf->data_off - offset);
    detail::trim_chain(mbuf, packet.size);
  }
  mbuf->data_off = offset;
  mbuf->pkt_len = packet.size;
  // No offloads: checksums and tags are software's. Without their flags `tx_offload`, in another line, says nothing.
  mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  mbuf->port = packet.port.value();
  return mbuf;
}

}  // namespace limpet::nic
