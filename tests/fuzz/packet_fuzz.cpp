// Any frame through everything that reads or edits one: no byte outside is touched, what parse() says holds, and
// a checksum that was right stays right. Byte 0 of the input: bit 7 repairs the IPv4 header checksum, which a fuzzer
// hardly hits; the other bits are how many bytes at the frame's end are not contiguous. The frame follows.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "l3/answer.hpp"
#include "l3/neighbours.hpp"
#include "net/fragment.hpp"
#include "net/parse.hpp"
#include "net/quote.hpp"
#include "net/rewrite.hpp"
#include "plan/plan.hpp"

namespace {

using namespace limpet;
using net::IpAddress;
using net::Parsed;

constexpr net::Mac own_mac{{0x02, 0, 0, 0, 0, 1}};
const IpAddress own4 = *IpAddress::parse("192.0.2.10");
const IpAddress own6 = *IpAddress::parse("2001:db8::10");

/// Bytes in a heap block of exactly that size.
struct Block {
  explicit Block(std::size_t capacity) : bytes(std::make_unique<std::uint8_t[]>(capacity)) {}
  Block(const std::uint8_t* from, std::size_t size, std::size_t capacity) : Block(capacity) {
    std::copy_n(from, size, bytes.get());
  }
  [[nodiscard]] std::uint8_t* data() const { return bytes.get(); }
  std::unique_ptr<std::uint8_t[]> bytes;
};

Parsed parse_whole(const std::uint8_t* frame, std::size_t size) {
  Parsed parsed;
  net::parse(frame, size, size, parsed);
  return parsed;
}

void repair_checksum(std::uint8_t* frame, std::size_t size) {
  const Parsed parsed = parse_whole(frame, size);
  std::uint8_t* const ip = frame + parsed.l3_offset;
  if (parsed.ether_type != net::ether_type::ipv4 || size < parsed.l3_offset + net::ipv4::size) {
    return;
  }
  const std::size_t header = static_cast<std::size_t>(ip[0] & 15) * 4;
  if (header >= net::ipv4::size && header <= size - parsed.l3_offset) {
    store_be<std::uint16_t>(ip + net::ipv4::checksum, 0);
    store_be<std::uint16_t>(ip + net::ipv4::checksum, net::checksum(ip, header));
  }
}

void check_parsed(const Parsed& parsed, std::size_t contiguous, std::size_t size) {
  if (parsed.error != net::ParseError::none || parsed.kind != net::Kind::ip) {
    return;
  }
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.l3_size;
  const bool v4 = parsed.ether_type == net::ether_type::ipv4;
  LIMPET_ASSERT(end <= size);
  LIMPET_ASSERT(parsed.source.is_v4() == v4 && parsed.destination.is_v4() == v4);
  LIMPET_ASSERT(parsed.l3_offset + (v4 ? net::ipv4::size : net::ipv6::size) <= contiguous);
  LIMPET_ASSERT((parsed.l4_offset == 0) == (parsed.fragment && !parsed.first_fragment));
  if (parsed.l4_offset != 0) {
    const bool has_ports = parsed.protocol == net::ip_protocol::tcp || parsed.protocol == net::ip_protocol::udp;
    LIMPET_ASSERT(parsed.l4_offset <= end);
    LIMPET_ASSERT(!has_ports || parsed.l4_offset + net::udp::size <= std::min(end, contiguous));
    LIMPET_ASSERT(has_ports || (parsed.source_port == 0 && parsed.destination_port == 0));
  }
}

/// Whether the L4 checksum is right; only asked of whole TCP, UDP and ICMPv6 packets.
bool sums_up(const std::uint8_t* frame, const Parsed& parsed) {
  std::size_t size = std::size_t{parsed.l3_offset} + parsed.l3_size - parsed.l4_offset;
  const std::uint8_t* const message = frame + parsed.l4_offset;
  if (parsed.protocol == net::ip_protocol::udp) {
    size = load_be<std::uint16_t>(message + net::udp::length);
  }
  return net::l4_checksum(parsed.source, parsed.destination, parsed.protocol, message, size) == 0;
}

void check_rewrite(const std::uint8_t* frame, std::size_t size) {
  const Parsed before = parse_whole(frame, size);
  if (before.error != net::ParseError::none || before.kind != net::Kind::ip) {
    return;
  }
  const Block copy(frame, size, size);
  const net::Endpoint to{before.source.is_v4() ? own4 : own6, 4711};
  net::rewrite_destination(copy.data(), before, to);
  net::rewrite_source(copy.data(), before, {to.address, 0});
  if (before.ttl > 0) {
    net::decrement_ttl(copy.data(), before);
  }
  const Parsed after = parse_whole(copy.data(), size);
  LIMPET_ASSERT(after.error == net::ParseError::none);
  LIMPET_ASSERT(after.destination == to.address && after.source == to.address);
  LIMPET_ASSERT(after.source_port == before.source_port && after.l4_offset == before.l4_offset);
  LIMPET_ASSERT(after.ttl == (before.ttl > 0 ? before.ttl - 1 : 0));
  const bool has_ports = before.protocol == net::ip_protocol::tcp || before.protocol == net::ip_protocol::udp;
  const bool summed = has_ports || (before.protocol == net::ip_protocol::icmpv6 && !before.source.is_v4());
  if (has_ports && before.l4_offset != 0) {
    LIMPET_ASSERT(after.destination_port == to.l4_port);
  }
  const bool unsummed_udp = before.protocol == net::ip_protocol::udp && before.l4_offset != 0 &&
                            load_be<std::uint16_t>(frame + before.l4_offset + net::udp::checksum) == 0;
  if (summed && !before.fragment && !unsummed_udp) {
    LIMPET_ASSERT(sums_up(copy.data(), after) == sums_up(frame, before));
  }
}

void check_answers(const std::uint8_t* frame, std::size_t size, std::size_t room) {
  const Parsed parsed = parse_whole(frame, size);
  if (parsed.error != net::ParseError::none) {
    return;
  }
  const Block asked(frame, size, size + room);
  l3::Buffer buffer{asked.data(), size, size + room};
  if (l3::answer(buffer, parsed, own_mac, [](const IpAddress&) { return true; }) == l3::Answer::reply) {
    LIMPET_ASSERT(buffer.size <= buffer.capacity);
    LIMPET_ASSERT(parse_whole(buffer.data, buffer.size).error == net::ParseError::none);
  }
  const Block failed(frame, size, size + room);
  const l3::Buffer about{failed.data(), size, size + room};
  const std::size_t error =
      l3::error_in_place(about, parsed, l3::IcmpError::too_big, own_mac, parsed.source.is_v4() ? own4 : own6, 1400);
  if (error != 0) {
    LIMPET_ASSERT(error <= about.capacity);
    const Parsed made = parse_whole(about.data, error);
    LIMPET_ASSERT(made.error == net::ParseError::none && made.destination == parsed.source);
    const l3::Buffer again{about.data, error, about.capacity};
    LIMPET_ASSERT(!l3::may_send_error(again, made));
  }
}

/// A quote lies within the frame, names a flow, and rewriting it keeps an error's right checksum right.
void check_quote(const std::uint8_t* frame, std::size_t size) {
  const Parsed parsed = parse_whole(frame, size);
  if (parsed.error != net::ParseError::none || net::icmp_error_of(parsed) != net::IcmpErrors::relayed) {
    return;
  }
  const Block copy(frame, size, size);
  const net::Quote quote = net::read_quote(copy.data(), size, parsed);
  if (quote.error != net::QuoteError::none) {
    return;
  }
  LIMPET_ASSERT(quote.l3_offset >= parsed.l4_offset + net::icmp::size && quote.l4_offset > quote.l3_offset);
  LIMPET_ASSERT(std::size_t{quote.l4_offset} + net::udp::size <= quote.end && quote.end <= size);
  LIMPET_ASSERT(quote.source.is_v4() == parsed.source.is_v4());
  const bool summed = !parsed.source.is_v4() && sums_up(frame, parsed);
  net::rewrite_quote(copy.data(), parsed, quote, {parsed.source.is_v4() ? own4 : own6, 4711}, {{}, 4712});
  LIMPET_ASSERT(!summed || sums_up(copy.data(), parse_whole(copy.data(), size)));
  const net::Quote after = net::read_quote(copy.data(), size, parsed);
  LIMPET_ASSERT(after.source_port == 4711 && after.destination_port == 4712 && after.destination == quote.destination);
}

void check_fragment(const std::uint8_t* frame, const Parsed& parsed) {
  if (parsed.error != net::ParseError::none || parsed.kind != net::Kind::ip || !parsed.fragment) {
    return;
  }
  const net::Fragment piece = net::read_fragment(frame, parsed);
  LIMPET_ASSERT(piece.size <= parsed.l3_size && piece.offset % 8 == 0 && piece.offset <= 0xffff);
  LIMPET_ASSERT((piece.offset == 0) == parsed.first_fragment);
  LIMPET_ASSERT(piece.more || piece.offset != 0);
}

void check_neighbours(const std::uint8_t* frame, std::size_t size) {
  l3::AdjacencyTable table(4);
  l3::Neighbours neighbours(table, [](InterfaceIndex, std::span<const std::uint8_t>) {});
  std::vector<plan::Interface> interfaces(1);
  interfaces[0].mac = own_mac;
  interfaces[0].addresses = {{own4, 24}, {own6, 64}};
  neighbours.on_interfaces(interfaces);
  neighbours.on_frame(InterfaceIndex{0}, {frame, size}, 1000);
  neighbours.tick(100'000);
  for (const auto& row : neighbours.list(100'000)) {
    LIMPET_ASSERT(!row.address.is_multicast() && !row.mac.is_multicast() && row.address != own4 && row.address != own6);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::uint8_t control = data[0];
  const std::size_t frame_size = size - 1;
  const Block frame(data + 1, frame_size, frame_size);
  if ((control & 0x80) != 0) {
    repair_checksum(frame.data(), frame_size);
  }
  const std::size_t contiguous = frame_size - std::min<std::size_t>(control & 0x7f, frame_size);
  const Block part(frame.data(), contiguous, contiguous);
  Parsed parsed;
  net::parse(part.data(), contiguous, frame_size, parsed);
  check_parsed(parsed, contiguous, frame_size);
  check_fragment(part.data(), parsed);
  check_rewrite(frame.data(), frame_size);
  check_quote(frame.data(), frame_size);
  check_answers(frame.data(), frame_size, control & 0x7f);
  check_neighbours(frame.data(), frame_size);
  return 0;
}
