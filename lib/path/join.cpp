#include "path/join.hpp"

#include "net/checksum.hpp"
#include "net/parse.hpp"
#include "net/payload_edit.hpp"

namespace limpet::path {
namespace {

namespace tcp = net::tcp_flag;

constexpr std::uint32_t joined_bytes_max = 536;  // RFC 9293, section 3.7.1

/// Damaged data must not get a right checksum.
bool sums_up(const Packet& packet, const net::Parsed& parsed) noexcept {
  return net::l4_checksum(parsed.source, parsed.destination, net::ip_protocol::tcp, packet.data + parsed.l4_offset,
                          parsed.l3_size - std::size_t{parsed.l4_offset} + parsed.l3_offset) == 0;
}

/// Nothing but data and an acknowledgment, all of it at hand.
bool is_plain(const Packet& packet, net::Parsed& parsed) noexcept {
  if (packet.contiguous != packet.size) {
    return false;
  }
  net::parse(packet.data, packet.contiguous, packet.size, parsed);
  return (parsed.tcp_flags & ~tcp::psh) == tcp::ack;
}

}  // namespace

bool join(Packet& first, Segment& its, const Packet& next, const Segment& nexts) noexcept {
  const std::uint32_t known = its.sequence + its.size - nexts.sequence;
  net::Parsed parsed, next_parsed;
  if (known >= nexts.size || !is_plain(first, parsed) || !is_plain(next, next_parsed)) {
    return false;
  }
  const std::uint32_t more = nexts.size - known;
  const std::size_t end = std::size_t{its.offset} + its.size;
  if (its.size + more > joined_bytes_max || end + more > first.capacity || !sums_up(next, next_parsed)) {
    return false;
  }
  net::Delta delta;
  net::open_gap_behind(first.data, parsed, end, more, delta);
  const std::uint8_t* const fresh = next.data + nexts.offset + known;
  net::fill_gap(first.data, parsed, end, {static_cast<const char*>(static_cast<const void*>(fresh)), more}, delta);
  its.size += more;
  first.size = static_cast<std::uint32_t>(end + more);  // without what filled a small frame up
  first.contiguous = static_cast<std::uint16_t>(first.size);
  return true;
}

}  // namespace limpet::path
