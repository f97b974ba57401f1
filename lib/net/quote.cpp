#include "net/quote.hpp"

#include <algorithm>

#include "net/checksum.hpp"
#include "net/parse.hpp"

namespace limpet::net {
namespace {

struct Walk {
  const std::uint8_t* frame;
  std::size_t at;
  std::size_t end;

  [[nodiscard]] bool has(std::size_t bytes) const noexcept { return at <= end && bytes <= end - at; }
  [[nodiscard]] const std::uint8_t* here() const noexcept { return frame + at; }
};

QuoteError walk_ipv4(Walk& walk, Quote& quote) noexcept {
  const std::uint8_t* const ip = walk.here();
  const std::size_t header = static_cast<std::size_t>(ip[ipv4::version_ihl] & 0x0f) * 4;
  if ((ip[ipv4::version_ihl] >> 4) != 4 || header < ipv4::size || !walk.has(header)) {
    return QuoteError::malformed;
  }
  quote.source = IpAddress::v4(ip + ipv4::source);
  quote.destination = IpAddress::v4(ip + ipv4::destination);
  quote.protocol = ip[ipv4::protocol];
  walk.at += header;
  const bool later = (load_be<std::uint16_t>(ip + ipv4::fragment) & ipv4::offset_mask) != 0;
  return later ? QuoteError::fragment : QuoteError::none;
}

bool is_extension(std::uint8_t header) noexcept {
  return header == ip_protocol::hop_by_hop || header == ip_protocol::routing || header == ip_protocol::fragment ||
         header == ip_protocol::authentication || header == ip_protocol::destination_options;
}

/// Size of the extension header `kind` (RFC 8200, section 4; AH: RFC 4302, section 2.2).
std::size_t extension_size(const std::uint8_t* header, std::uint8_t kind) noexcept {
  if (kind == ip_protocol::fragment) {
    return ipv6_fragment::size;
  }
  return kind == ip_protocol::authentication ? (header[1] + std::size_t{2}) * 4 : (header[1] + std::size_t{1}) * 8;
}

QuoteError walk_ipv6(Walk& walk, Quote& quote) noexcept {
  const std::uint8_t* const ip = walk.here();
  quote.source = IpAddress::v6(ip + ipv6::source);
  quote.destination = IpAddress::v6(ip + ipv6::destination);
  if ((ip[0] >> 4) != 6 || quote.source.is_v4() || quote.destination.is_v4()) {
    return QuoteError::malformed;
  }
  std::uint8_t next = ip[ipv6::next_header];
  walk.at += ipv6::size;
  for (unsigned count = 0; is_extension(next); ++count) {
    if (count == extension_headers_max || !walk.has(8)) {
      return QuoteError::malformed;
    }
    const std::uint8_t* const header = walk.here();
    const bool later = next == ip_protocol::fragment &&
                       (load_be<std::uint16_t>(header + ipv6_fragment::offset) & ipv6_fragment::offset_mask) != 0;
    if (later) {
      return QuoteError::fragment;
    }
    const std::size_t size = extension_size(header, next);
    if (!walk.has(size)) {
      return QuoteError::malformed;
    }
    next = header[0];
    walk.at += size;
  }
  quote.protocol = next;
  return QuoteError::none;
}

/// Collects what changes under the three checksums that cover a quoted header.
class Rewriter {
 public:
  Rewriter(std::uint8_t* frame, const Quote& quote) noexcept
      : ip_(frame + quote.l3_offset), l4_(frame + quote.l4_offset), quote_(quote) {}

  void set_address(std::size_t at_v4, std::size_t at_v6, const IpAddress& address) noexcept {
    if (!address.is_none()) {
      set(ip_ + (address.is_v4() ? at_v4 : at_v6), address.wire_bytes(), address.wire_size(), true);
    }
  }
  void set_port(std::size_t at, std::uint16_t l4_port) noexcept {
    if (l4_port != 0) {
      const be16 port(l4_port);
      set(l4_ + at, &port, sizeof port, false);
    }
  }
  void set_sequence(std::uint32_t value) noexcept {
    const be32 sequence(value);
    set(l4_ + tcp::sequence, &sequence, sizeof sequence, false);
  }
  /// The quoted headers' checksums, then the error's at `field`.
  void finish(std::uint8_t* field) noexcept {
    if (quote_.source.is_v4()) {
      correct(ip_ + ipv4::checksum, [this](std::uint8_t* at) { header_.apply(at); });
    }
    if (quote_.protocol == ip_protocol::udp) {
      correct(l4_ + udp::checksum, [this](std::uint8_t* at) { message_.apply_udp(at); });
    } else if (std::size_t{quote_.l4_offset} + tcp::checksum + 2 <= quote_.end) {
      correct(l4_ + tcp::checksum, [this](std::uint8_t* at) { message_.apply(at); });
    }
    whole_.apply(field);
  }

 private:
  void set(std::uint8_t* at, const void* to, std::size_t size, bool in_header) noexcept {
    whole_.change(at, to, size);
    message_.change(at, to, size);
    if (in_header) {
      header_.change(at, to, size);
    }
    std::memcpy(at, to, size);
  }
  template <class F>
  void correct(std::uint8_t* field, F&& apply) noexcept {
    const auto before = load_be<std::uint16_t>(field);
    apply(field);
    whole_.change16(before, load_be<std::uint16_t>(field));
  }

  std::uint8_t* ip_;
  std::uint8_t* l4_;
  const Quote& quote_;
  Delta whole_;    // under the error's checksum
  Delta header_;   // under the quoted IPv4 header's
  Delta message_;  // under the quoted TCP or UDP header's
};

}  // namespace

IcmpErrors icmp_error_of(const Parsed& parsed) noexcept {
  const std::uint8_t type = parsed.icmp_type;
  if (parsed.kind != Kind::ip || parsed.l4_offset == 0 || parsed.fragment) {
    return IcmpErrors::none;
  }
  if (parsed.source.is_v4()) {
    if (parsed.protocol != ip_protocol::icmp) {
      return IcmpErrors::none;
    }
    const bool relayed = type == icmp::unreachable || type == icmp::time_exceeded || type == icmp::parameter_problem;
    const bool ignored = type == icmp::source_quench || type == icmp::redirect;
    return relayed ? IcmpErrors::relayed : ignored ? IcmpErrors::ignored : IcmpErrors::none;
  }
  if (parsed.protocol != ip_protocol::icmpv6 || (type >= 128 && type != icmpv6::redirect)) {
    return IcmpErrors::none;
  }
  return type >= icmpv6::unreachable && type <= icmpv6::parameter_problem ? IcmpErrors::relayed : IcmpErrors::ignored;
}

Quote read_quote(const std::uint8_t* frame, std::size_t contiguous, const Parsed& parsed) noexcept {
  Quote quote;
  const std::size_t end = std::min(contiguous, std::size_t{parsed.l3_offset} + parsed.l3_size);
  Walk walk{frame, std::size_t{parsed.l4_offset} + icmp::size, end};
  const bool v4 = parsed.source.is_v4();
  if (!walk.has(v4 ? ipv4::size : ipv6::size)) {
    quote.error = QuoteError::malformed;
    return quote;
  }
  quote.l3_offset = static_cast<std::uint16_t>(walk.at);
  quote.error = v4 ? walk_ipv4(walk, quote) : walk_ipv6(walk, quote);
  if (quote.error != QuoteError::none) {
    return quote;
  }
  if (quote.protocol != ip_protocol::tcp && quote.protocol != ip_protocol::udp) {
    quote.error = QuoteError::other;
  } else if (!walk.has(icmp::size)) {  // 64 bits at least (RFC 792)
    quote.error = QuoteError::malformed;
  } else {
    quote.l4_offset = static_cast<std::uint16_t>(walk.at);
    quote.end = static_cast<std::uint16_t>(std::min<std::size_t>(end, 0xffff));
    quote.source_port = load_be<std::uint16_t>(walk.here() + tcp::source_port);
    quote.destination_port = load_be<std::uint16_t>(walk.here() + tcp::destination_port);
  }
  return quote;
}

void rewrite_quote(std::uint8_t* frame, const Parsed& parsed, const Quote& quote, const Endpoint& source,
                   const Endpoint& destination) noexcept {
  Rewriter rewriter(frame, quote);
  rewriter.set_address(ipv4::source, ipv6::source, source.address);
  rewriter.set_address(ipv4::destination, ipv6::destination, destination.address);
  rewriter.set_port(tcp::source_port, source.l4_port);
  rewriter.set_port(tcp::destination_port, destination.l4_port);
  rewriter.finish(frame + parsed.l4_offset + icmp::checksum);
}

std::uint32_t quoted_sequence(const std::uint8_t* frame, const Quote& quote) noexcept {
  return load_be<std::uint32_t>(frame + quote.l4_offset + tcp::sequence);
}

void move_quoted_sequence(std::uint8_t* frame, const Parsed& parsed, const Quote& quote, std::uint32_t by) noexcept {
  Rewriter rewriter(frame, quote);
  rewriter.set_sequence(quoted_sequence(frame, quote) + by);
  rewriter.finish(frame + parsed.l4_offset + icmp::checksum);
}

}  // namespace limpet::net
