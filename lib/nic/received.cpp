#include "nic/received.hpp"

#include <rte_ether.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>

#include "net/checksum.hpp"
#include "net/parse.hpp"

namespace limpet::nic {
namespace {

std::uint64_t l4_word_of(const rte_mbuf* mbuf) noexcept {
  return mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
}

/// One's complement sum of `size` bytes from `offset` on, wherever they lie, in memory order. DPDK's own goes wrong
/// where a segment of odd size is followed by others.
std::uint16_t sum_of(const rte_mbuf* mbuf, std::uint32_t offset, std::uint32_t size) noexcept {
  std::uint32_t sum = 0;
  std::uint32_t done = 0;
  for (; mbuf != nullptr && done < size; mbuf = mbuf->next) {
    if (offset >= mbuf->data_len) {
      offset -= mbuf->data_len;
      continue;
    }
    const std::uint32_t here = std::min(mbuf->data_len - offset, size - done);
    const std::uint16_t part = rte_raw_cksum(rte_pktmbuf_mtod_offset(mbuf, const void*, offset), here);
    sum += done % 2 == 0 ? part : rte_bswap16(part);
    done += here;
    offset = 0;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16));
}

/// A whole TCP or UDP packet that has a checksum.
struct Message {
  net::Parsed parsed;
  bool udp = false;
  bool none = false;        // UDP says that it has none
  std::uint32_t field = 0;  // offset of the checksum
  std::uint32_t size = 0;   // from the L4 header on

  [[nodiscard]] bool read(const rte_mbuf* mbuf) noexcept {
    const auto* const frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    net::parse(frame, mbuf->data_len, mbuf->pkt_len, parsed);
    udp = parsed.protocol == net::ip_protocol::udp;
    if (parsed.error != net::ParseError::none || parsed.kind != net::Kind::ip || parsed.fragment ||
        parsed.l4_offset == 0 || (!udp && parsed.protocol != net::ip_protocol::tcp)) {
      return false;
    }
    field = static_cast<std::uint32_t>(parsed.l4_offset + (udp ? net::udp::checksum : net::tcp::checksum));
    size = std::uint32_t{parsed.l3_offset} + parsed.l3_size - parsed.l4_offset;
    none = udp && load_be<std::uint16_t>(frame + field) == 0;
    return true;
  }

  /// One's complement sum of pseudo-header and message, in memory order.
  [[nodiscard]] std::uint16_t sum(const rte_mbuf* mbuf) const noexcept {
    struct {
      std::uint8_t addresses[32]{};
      rte_be32_t size;
      rte_be32_t protocol;
    } header;
    const std::size_t width = parsed.source.wire_size();
    std::memcpy(header.addresses, parsed.source.wire_bytes(), width);
    std::memcpy(header.addresses + width, parsed.destination.wire_bytes(), width);
    header.size = rte_cpu_to_be_32(size);
    header.protocol = rte_cpu_to_be_32(std::uint32_t{parsed.protocol});
    const std::uint32_t both =
        std::uint32_t{sum_of(mbuf, parsed.l4_offset, size)} + rte_raw_cksum(&header, sizeof header);
    return static_cast<std::uint16_t>((both & 0xffff) + (both >> 16));
  }
};

}  // namespace

bool l4_checksum_is_wrong(const rte_mbuf* mbuf) noexcept {
  Message message;
  if (!message.read(mbuf)) {
    return false;  // the path looks at it
  }
  return message.none ? !message.parsed.source.is_v4() : message.sum(mbuf) != 0xffff;  // RFC 768; RFC 8200, section 8.1
}

void write_l4_checksum(rte_mbuf* mbuf) noexcept {
  Message message;
  if (!message.read(mbuf) || message.none) {
    return;
  }
  auto* const at = rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, message.field);
  std::memset(at, 0, 2);
  const auto right = static_cast<std::uint16_t>(~message.sum(mbuf));
  const std::uint16_t sent = message.udp && right == 0 ? std::uint16_t{0xffff} : right;
  std::memcpy(at, &sent, sizeof sent);
}

bool put_right(rte_mbuf* mbuf) noexcept {
  const bool wrong = l4_word_of(mbuf) == RTE_MBUF_F_RX_L4_CKSUM_BAD && l4_checksum_is_wrong(mbuf);
  if (l4_word_of(mbuf) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
    write_l4_checksum(mbuf);
  }
  if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    static_cast<void>(rte_vlan_insert(&mbuf));  // there is headroom: the device wrote where we told it to
  }
  return !wrong;
}

}  // namespace limpet::nic
