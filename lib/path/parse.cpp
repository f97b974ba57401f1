#include "path/parse.hpp"

#include "net/parse.hpp"

namespace limpet::path {
namespace {

Counter drop_of(const Packet& packet, const net::Parsed& parsed) noexcept {
  switch (parsed.error) {
    case net::ParseError::truncated:
      if (packet.contiguous < packet.size) {  // none at all: the Io found a checksum wrong
        return packet.contiguous == 0 ? Counter::drop_malformed : Counter::drop_segmented;
      }
      return parsed.first_fragment ? Counter::drop_fragment_tiny  // RFC 1858, section 3; RFC 7112
                                   : Counter::drop_truncated;
    case net::ParseError::extension_headers:
      return Counter::drop_extension_headers;
    default:
      return Counter::drop_malformed;
  }
}

}  // namespace

void parse(Burst& burst) noexcept {
  if (burst.source.origin == Origin::control || burst.source.origin == Origin::kernel) {
    return;  // leaves as it is
  }
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.items[i].verdict != Verdict::undecided) {
      continue;
    }
    const Packet& packet = burst.packets[i];
    burst.items[i] = Item{};
    net::Parsed& parsed = burst.parsed[i];
    net::parse(packet.data, packet.contiguous, packet.size, parsed);
    if (parsed.error != net::ParseError::none) {
      burst.items[i].drop(drop_of(packet, parsed));
    }
  }
}

}  // namespace limpet::path
