#include "net/fragment.hpp"

#include "net/headers.hpp"

namespace limpet::net {
namespace {

Fragment read_v4(const std::uint8_t* ip, const Parsed& parsed) noexcept {
  const auto field = load_be<std::uint16_t>(ip + ipv4::fragment);
  const std::uint32_t header = (ip[ipv4::version_ihl] & 15u) * 4u;
  return {.id = load_be<std::uint16_t>(ip + ipv4::identification),
          .offset = (field & ipv4::offset_mask) * 8u,
          .size = parsed.l3_size - header,
          .more = (field & ipv4::more_fragments) != 0};
}

/// The headers before the fragment header are those that parse() has walked: there is one, and they end before it.
Fragment read_v6(const std::uint8_t* ip, const Parsed& parsed) noexcept {
  std::uint8_t next = ip[ipv6::next_header];
  std::uint32_t at = ipv6::size;
  while (next != ip_protocol::fragment) {
    const std::uint8_t* const header = ip + at;
    at += next == ip_protocol::authentication ? (header[1] + 2u) * 4u : (header[1] + 1u) * 8u;
    next = header[0];
  }
  const auto field = load_be<std::uint16_t>(ip + at + ipv6_fragment::offset);
  return {.id = load_be<std::uint32_t>(ip + at + ipv6_fragment::identification),
          .offset = field & std::uint32_t{ipv6_fragment::offset_mask},
          .size = parsed.l3_size - at - std::uint32_t{ipv6_fragment::size},
          .more = (field & ipv6_fragment::more_fragments) != 0};
}

}  // namespace

Fragment read_fragment(const std::uint8_t* frame, const Parsed& parsed) noexcept {
  const std::uint8_t* const ip = frame + parsed.l3_offset;
  return parsed.source.is_v4() ? read_v4(ip, parsed) : read_v6(ip, parsed);
}

}  // namespace limpet::net
