#include "path/translate.hpp"

#include <algorithm>

#include "l3/messages.hpp"
#include "net/family.hpp"
#include "net/headers.hpp"
#include "net/mss.hpp"
#include "net/rewrite.hpp"
#include "path/introduce.hpp"
#include "path/leave.hpp"
#include "path/tunnel.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {
namespace {

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t tag_size = 4;

class Translator {
 public:
  Translator(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_ms_(now_ms) {}

  void operator()(Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    if (item.hop.gateways != 0) [[unlikely]] {
      item.hop = gateway(parsed, item);
    }
    const plan::Interface& out = plan_.interfaces[item.hop.interface.value()];
    if (parsed.ttl <= 1) {
      return report(packet, parsed, item, l3::IcmpError::ttl_exceeded, Counter::drop_ttl_exceeded);
    }
    const int growth = item.crosses ? net::crossing_growth(parsed) : 0;
    if (item.tells != Tells::nothing) [[unlikely]] {
      tell_backend(state_, packet, parsed, item, int{out.mtu} - growth);
    }
    if (parsed.l3_size + growth + item.overhead > out.mtu) {
      // Who may be cut on the way would be cut by a router; told are those who asked not to be, and IPv6.
      const std::uint16_t mtu = inner_mtu(out.mtu, item.overhead, parsed.source.family());
      return may_be_cut(packet, parsed) ? item.drop(Counter::drop_too_big)
                                        : report(packet, parsed, item, l3::IcmpError::too_big, Counter::drop_too_big,
                                                 static_cast<std::uint16_t>(mtu - growth));
    }
    if (!fits(packet, parsed, out, growth + item.overhead)) {
      return item.drop(item.overhead != 0 ? Counter::drop_no_headroom : Counter::drop_no_buffer);
    }
    net::decrement_ttl(packet.data, parsed);
    if (item.crosses) {
      if (!net::can_cross(packet.data, packet.contiguous, parsed)) {
        return item.drop(Counter::drop_not_translatable);
      }
      cross(packet, parsed, item, growth);
    } else if (!item.rewrite.address.is_none()) {
      rewrite(packet, parsed, item);
    }
    if ((parsed.tcp_flags & net::tcp_flag::syn) != 0 && item.listener != nullptr) {
      limit_segments(packet, parsed, plan_.service_of(*item.listener).max_mss);
    }
    trim(packet, parsed);
    if (item.overhead != 0 && !enter_tunnel(state_, plan_, packet, parsed, item)) {
      return;
    }
    const l3::Adjacency next = state_.node.adjacencies.find(item.hop.interface, item.hop.next_hop);
    if (next.state != l3::AdjacencyState::reachable || waits_for(item.hop)) {
      item.verdict = Verdict::hold;
      return;
    }
    write_link_header(packet, parsed.l3_offset, out, next.mac);
    item.verdict = Verdict::forward;
  }

 private:
  /// The flow's own of several gateways, by its client as the client knows itself, on both ways.
  [[nodiscard]] plan::Hop gateway(const net::Parsed& parsed, const Item& item) const noexcept {
    const auto end = [&](const net::IpAddress& address, std::uint16_t l4_port) {
      return plan::flow_of(address, parsed.fragment ? std::uint16_t{0} : l4_port);  // not all fragments have one
    };
    const net::Endpoint client = client_end(item, parsed.destination);
    const std::uint64_t source = end(parsed.source, parsed.source_port);
    const std::uint64_t flow = item.way == Way::back
                                   ? end(client.address, client.l4_port != 0 ? client.l4_port : parsed.destination_port)
                               : item.way == Way::in ? source
                                                     : source ^ end(parsed.destination, parsed.destination_port);
    return hop_of_flow(state_, plan_, item.hop, flow);
  }

  [[nodiscard]] bool waits_for(const plan::Hop& hop) const noexcept {
    return state_.waiting.count != 0 && state_.waiting.holds(hop);
  }

  /// IPv4 without DF (RFC 791, section 3.2).
  static bool may_be_cut(const Packet& packet, const net::Parsed& parsed) noexcept {
    const std::uint8_t* const field = packet.data + parsed.l3_offset + net::ipv4::fragment;
    return parsed.source.is_v4() && (load_be<std::uint16_t>(field) & net::ipv4::dont_fragment) == 0;
  }

  static bool fits(const Packet& packet, const net::Parsed& parsed, const plan::Interface& out, int growth) noexcept {
    const int needed = static_cast<int>(ethernet_size + (out.vlan != 0 ? tag_size : 0)) + growth;
    return needed <= int{parsed.l3_offset} + int{packet.headroom};
  }

  /// From one IP version to the other; what is before the IP header means nothing any more.
  void cross(Packet& packet, net::Parsed& parsed, const Item& item, int growth) noexcept {
    const bool in = item.way == Way::in;
    const unsigned id = ++state_.crossed * state_.node.owner.workers() + state_.index;
    net::cross(packet.data, parsed,
               {in ? item.client : item.rewrite, in ? item.rewrite : item.client, static_cast<std::uint16_t>(id)});
    begin_earlier(packet, growth);
    parsed.l3_size = static_cast<std::uint16_t>(parsed.l3_size + growth);
    parsed.l4_offset = static_cast<std::uint16_t>(parsed.l4_offset + growth);
  }

  static void limit_segments(const Packet& packet, const net::Parsed& parsed, std::uint16_t max_mss) noexcept {
    if (max_mss != 0) {
      net::clamp_mss(packet.data, parsed, max_mss);
    }
  }

  static void rewrite(const Packet& packet, const net::Parsed& parsed, const Item& item) noexcept {
    if (item.way == Way::in) {
      net::rewrite_destination(packet.data, parsed, item.rewrite);
      if (is_rewritten(item)) {
        net::rewrite_source(packet.data, parsed, client_end(item, parsed.source));
      }
    } else {
      net::rewrite_source(packet.data, parsed, item.rewrite);
      if (is_rewritten(item)) {
        net::rewrite_destination(packet.data, parsed, client_end(item, parsed.destination));
      }
    }
  }

  static bool is_rewritten(const Item& item) noexcept {
    return item.client.l4_port != 0 || !item.client.address.is_none();
  }
  static net::Endpoint client_end(const Item& item, const net::IpAddress& own) noexcept {
    return {item.client.address.is_none() ? own : item.client.address, item.client.l4_port};
  }

  /// Ethernet padding behind the IP packet does not travel on.
  static void trim(Packet& packet, const net::Parsed& parsed) noexcept {
    const std::uint32_t size = std::uint32_t{parsed.l3_offset} + parsed.l3_size;
    if (size < packet.size) {
      packet.size = size;
      packet.contiguous = static_cast<std::uint16_t>(std::min<std::uint32_t>(size, packet.contiguous));
    }
  }

  /// The packet becomes the ICMP error about itself, back to the sender; or ends, where none is owed.
  void report(Packet& packet, const net::Parsed& parsed, Item& item, l3::IcmpError error, Counter otherwise,
              std::uint16_t mtu = 0) noexcept {
    const plan::Interface& in = plan_.interfaces[item.interface.value()];
    const net::IpAddress* const own = in.own_address(parsed.source.family());
    const l3::Buffer buffer{packet.data, packet.contiguous, packet.capacity};  // more than an error quotes
    const bool owed = own != nullptr && l3::may_send_error(buffer, parsed);
    if (owed && !state_.icmp_errors.take(now_ms_)) {  // RFC 1812, section 4.3.2.8; RFC 4443, section 2.4(f)
      state_.counters.add(Counter::icmp_suppressed);
      return item.drop(otherwise);
    }
    const std::size_t size = owed ? l3::error_in_place(buffer, parsed, error, in.mac, *own, mtu) : 0;
    if (size == 0) {
      return item.drop(otherwise);
    }
    packet.size = static_cast<std::uint32_t>(size);
    packet.contiguous = static_cast<std::uint16_t>(size);
    item.verdict = Verdict::reply;
  }

  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
};

}  // namespace

bool write_link_header(Packet& packet, std::uint16_t l3_offset, const plan::Interface& interface,
                       const net::Mac& to) noexcept {
  const std::size_t size = ethernet_size + (interface.vlan != 0 ? tag_size : 0);
  if (size > std::size_t{l3_offset} + packet.headroom) {
    return false;
  }
  const bool v4 = (packet.data[l3_offset] >> 4) == 4;
  const auto grow = static_cast<std::ptrdiff_t>(size) - l3_offset;
  packet.data -= grow;
  packet.size = static_cast<std::uint32_t>(packet.size + grow);
  packet.contiguous = static_cast<std::uint16_t>(packet.contiguous + grow);
  packet.headroom = static_cast<std::uint16_t>(packet.headroom - grow);
  packet.capacity = static_cast<std::uint16_t>(packet.capacity + grow);
  std::memcpy(packet.data, to.bytes.data(), 6);
  std::memcpy(packet.data + 6, interface.mac.bytes.data(), 6);
  std::uint8_t* at = packet.data + 12;
  if (interface.vlan != 0) {
    store_be<std::uint16_t>(at, net::ether_type::vlan);
    store_be<std::uint16_t>(at + 2, interface.vlan);
    at += tag_size;
  }
  store_be<std::uint16_t>(at, v4 ? net::ether_type::ipv4 : net::ether_type::ipv6);
  packet.port = interface.port;
  return true;
}

void translate(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.items[i].verdict == Verdict::undecided) {
      Translator(state, plan, burst.now_ms)(burst.packets[i], burst.parsed[i], burst.items[i]);
    }
  }
}

}  // namespace limpet::path
