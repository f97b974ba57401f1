#include "path/tunnel_errors.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "l3/messages.hpp"
#include "net/checksum.hpp"
#include "net/parse.hpp"
#include "path/tunnel.hpp"

namespace limpet::path {
namespace {

using l3::IcmpError;
using Bytes = std::span<const std::uint8_t>;

/// What an error says of the packet inside.
struct Meaning {
  IcmpError error = IcmpError::no_neighbour;
  std::uint16_t mtu = 0;  // of the path, for whole tunnel packets
};

/// Nothing: an error that the client need not know (RFC 2003, section 4.1 to 4.5).
std::optional<Meaning> meaning_of(const std::uint8_t* message, bool v4) noexcept {
  namespace icmp = net::icmp;
  namespace icmpv6 = net::icmpv6;
  const std::uint8_t type = message[icmp::type];
  const std::uint8_t code = message[icmp::code];
  const auto body = load_be<std::uint32_t>(message + icmp::body);
  if (v4 ? type == icmp::unreachable && code == 4 : type == icmpv6::packet_too_big) {
    const auto mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(v4 ? body & 0xffff : body, 0xffff));
    return mtu == 0 ? std::nullopt : std::optional(Meaning{IcmpError::too_big, mtu});
  }
  const bool source_route_failed = v4 && type == icmp::unreachable && code == 5;
  if (!source_route_failed && (type == (v4 ? icmp::unreachable : icmpv6::unreachable) ||
                               type == (v4 ? icmp::time_exceeded : icmpv6::time_exceeded))) {
    return Meaning{};
  }
  return std::nullopt;
}

bool sums_up(const std::uint8_t* message, const net::Parsed& parsed, std::size_t size) noexcept {
  return (parsed.source.is_v4()
              ? net::checksum(message, size)
              : net::l4_checksum(parsed.source, parsed.destination, parsed.protocol, message, size)) == 0;
}

/// The backend of this pool at an address, or null.
const plan::Backend* backend_at(const plan::Pool& pool, const net::IpAddress& address) noexcept {
  for (const plan::Backend& backend : pool.backends) {
    if (backend.endpoint(address.family()).address == address) {
      return &backend;
    }
  }
  return nullptr;
}

class Relay {
 public:
  Relay(State& state, const plan::Plan& plan) noexcept : state_(state), plan_(plan) {}

  /// False: not about a tunnel packet.
  bool operator()(Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    const std::uint8_t* const message = packet.data + parsed.l4_offset;
    const std::size_t size = std::size_t{parsed.l3_offset} + parsed.l3_size - parsed.l4_offset;
    const Bytes quoted(message + net::icmp::size, size - net::icmp::size);
    const auto outer = net::read_outer(quoted);
    if (!outer) {
      return false;
    }
    item.way = Way::transit;
    const Bytes inner = quoted.subspan(outer->inner_offset);
    const auto flow = net::read_tuple(inner);
    const auto meaning = meaning_of(message, parsed.source.is_v4());
    if (!flow || !meaning || outer->source != parsed.destination || !sums_up(message, parsed, size) ||
        !would_leave_so(*outer, *flow) || !tell(packet, parsed, item, inner, *flow, *meaning, outer->inner_offset)) {
      item.drop(Counter::drop_tunnel_error);
    }
    return true;
  }

 private:
  /// A packet of this flow would have such headers if its backend were the one there.
  [[nodiscard]] bool would_leave_so(const net::OuterRead& outer, const net::TupleRead& flow) const noexcept {
    const auto index = plan_.fronts.find_listener(flow.destination, flow.destination_port, flow.protocol);
    if (index == plan::FrontTable::none || !plan_.service_of(plan_.listeners[index]).tunnels()) {
      return false;
    }
    const plan::Service& service = plan_.service_of(plan_.listeners[index]);
    const plan::Backend* backend = backend_at(plan_.pool_of(service), outer.destination);
    if (backend == nullptr || service.tunnel.encap != outer.encap ||
        service.family_towards(*backend, flow.source.family()) != outer.destination.family() ||
        !backend->hop(outer.destination.family())) {
      return false;
    }
    net::TupleRead told = flow;  // of a fragment no ports
    told.source_port = flow.fragment ? std::uint16_t{0} : flow.source_port;
    told.destination_port = flow.fragment ? std::uint16_t{0} : flow.destination_port;
    const net::Family family = outer.destination.family();
    const std::uint64_t shown = shows_flow(service.tunnel, family) ? shown_of(plan_, told) : 0;
    const net::IpAddress* const source =
        source_of(plan_, service.tunnel, family, shown, backend->hop(family)->interface);
    net::Outer ours;
    if (source == nullptr) {
      return false;
    }
    set_outer(ours, service.tunnel, shown, *source, outer.destination);
    return ours.source == outer.source &&
           (outer.encap != net::Encap::gue ||
            (ours.source_port == outer.source_port && ours.destination_port == outer.destination_port));
  }

  /// The packet becomes an error from Limpet to the client, as if Limpet itself had not got further.
  bool tell(Packet& packet, net::Parsed& parsed, Item& item, Bytes inner, const net::TupleRead& flow,
            const Meaning& meaning, std::size_t overhead) noexcept {
    const auto hop = plan_.routes.find(flow.source);
    const net::Family family = flow.source.family();
    const net::IpAddress* const from = hop ? plan_.interfaces[hop->interface.value()].own_address(family) : nullptr;
    const std::size_t head = (family == net::Family::v4 ? net::ipv4::size : net::ipv6::size) + net::icmp::size;
    if (from == nullptr || inner.data() < packet.data + net::ethernet::size + head) {
      return false;
    }
    const std::uint16_t mtu = inner_mtu(meaning.mtu, overhead, family);
    const std::size_t quote = std::min(inner.size(), l3::room_for_quote(family));
    store_be<std::uint16_t>(packet.data + net::ethernet::type,
                            family == net::Family::v4 ? net::ether_type::ipv4 : net::ether_type::ipv6);
    packet.size = static_cast<std::uint32_t>(net::ethernet::size + l3::write_error(packet.data + net::ethernet::size,
                                                                                   inner.data(), quote, meaning.error,
                                                                                   *from, flow.source, mtu));
    packet.contiguous = static_cast<std::uint16_t>(packet.size);
    net::parse(packet.data, packet.contiguous, packet.size, parsed);
    item.hop = *hop;
    state_.counters.add(Counter::tunnel_errors);
    return parsed.error == net::ParseError::none;
  }

  State& state_;
  const plan::Plan& plan_;
};

}  // namespace

bool relay_tunnel_error(State& state, const plan::Plan& plan, Packet& packet, net::Parsed& parsed,
                        Item& item) noexcept {
  return plan.has_tunnels && l3::is_icmp_error(parsed) && !parsed.fragment && packet.contiguous == packet.size &&
         Relay(state, plan)(packet, parsed, item);
}

}  // namespace limpet::path
