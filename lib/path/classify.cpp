#include "path/classify.hpp"

#include <algorithm>

#include "l3/answer.hpp"
#include "net/headers.hpp"
#include "net/quote.hpp"
#include "path/errors.hpp"
#include "path/tunnel_errors.hpp"

namespace limpet::path {
namespace {

net::Mac mac_at(const std::uint8_t* bytes) noexcept {
  net::Mac mac;
  std::memcpy(mac.bytes.data(), bytes, 6);
  return mac;
}

/// The interface for the packet's port and VLAN; nothing when no interface has that tag.
InterfaceIndex interface_of(const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed) noexcept {
  for (const InterfaceIndex index : plan.interfaces_of_port[packet.port.value()]) {
    if (plan.interfaces[index.value()].vlan == parsed.vlan) {
      return index;
    }
  }
  return {};
}

/// For this MAC address, multicast or broadcast, and not sent by ourselves.
bool is_ours(const plan::Interface& interface, const Packet& packet) noexcept {
  const net::Mac to = mac_at(packet.data);
  return (to == interface.mac || to.is_multicast()) && mac_at(packet.data + 6) != interface.mac;
}

bool has_l4_ports(const net::Parsed& parsed) noexcept {
  return parsed.protocol == static_cast<std::uint8_t>(net::Protocol::tcp) ||
         parsed.protocol == static_cast<std::uint8_t>(net::Protocol::udp);
}

/// A host without an address yet: DHCP, duplicate address detection. To a group or broadcast only.
bool asks_for_address(const net::Parsed& parsed) noexcept {
  const bool v4 = parsed.source.is_v4();
  return v4 ? parsed.source.v4_host() == 0 && parsed.destination.v4_host() == 0xffffffff
            : parsed.source.is_none() && parsed.destination.is_multicast();
}

/// False when control's ring is full.
bool copy_to_control(State& state, const Packet& packet, InterfaceIndex interface) noexcept {
  l3::Frame frame;
  frame.interface = interface;
  frame.size = static_cast<std::uint16_t>(std::min<std::size_t>(packet.contiguous, frame.bytes.size()));
  std::memcpy(frame.bytes.data(), packet.data, frame.size);
  if (!state.to_control.frames.push(frame)) {
    return false;
  }
  state.counters.add(Counter::to_control);
  return true;
}

class Classifier {
 public:
  Classifier(State& state, const plan::Plan& plan) noexcept : state_(state), plan_(plan) {}

  void operator()(Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    item.interface = interface_of(plan_, packet, parsed);
    if (!item.interface.valid()) {
      return item.drop(Counter::drop_bad_vlan);
    }
    const plan::Interface& interface = plan_.interfaces[item.interface.value()];
    if (!is_ours(interface, packet)) {
      return item.drop(Counter::drop_not_ours);
    }
    if (l3::is_neighbour_message(parsed)) {
      const bool copied = copy_to_control(state_, packet, item.interface);
      return answer(interface, packet, parsed, item, copied ? Counter::drop_consumed : Counter::drop_control_full);
    }
    if (parsed.kind != net::Kind::ip) {
      return leave_to_kernel(interface, item, Counter::drop_not_ip);
    }
    if (!may_be_source(parsed)) {
      return item.drop(Counter::drop_bad_source);
    }
    by_address(interface, packet, parsed, item);
  }

 private:
  [[nodiscard]] bool may_be_source(const net::Parsed& parsed) const noexcept {
    if (!plan_.fronts.is_vip(parsed.source)) {
      return parsed.source.is_unicast() || asks_for_address(parsed);
    }
    // A VIP is ours, but with direct return its backends answer from it, perhaps through here.
    if (parsed.l4_offset == 0 || net::icmp_error_of(parsed) == net::IcmpErrors::relayed) {
      const plan::VipUse* vip = plan_.vips.find(parsed.source);  // none of a local address
      return vip != nullptr && vip->direct && !plan_.fronts.is_vip(parsed.destination);
    }
    const auto listener = find_listener(parsed.source, parsed.source_port, parsed.protocol);
    return listener != nullptr && plan_.service_of(*listener).returns_directly() &&
           !plan_.fronts.is_vip(parsed.destination);
  }

  [[nodiscard]] const plan::Listener* find_listener(const net::IpAddress& address, std::uint16_t l4_port,
                                                    std::uint8_t protocol) const noexcept {
    const auto index = plan_.fronts.find_listener(address, l4_port, protocol);
    return index == plan::FrontTable::none ? nullptr : &plan_.listeners[index];
  }

  void by_address(const plan::Interface& interface, Packet& packet, net::Parsed& parsed, Item& item) noexcept {
    if (parsed.fragment) {
      return fragment_by_address(interface, packet, parsed, item);
    }
    if (has_l4_ports(parsed)) {
      item.listener = find_listener(parsed.destination, parsed.destination_port, parsed.protocol);
      if (item.listener != nullptr) {
        item.way = Way::in;
        return;
      }
    }
    const bool own = plan_.owns(parsed.destination);
    if (own && relay_tunnel_error(state_, plan_, packet, parsed, item)) {
      return;
    }
    if (!has_l4_ports(parsed) && classify_error(plan_, packet, parsed, item)) {
      return;
    }
    if (own || plan_.fronts.is_vip(parsed.destination)) {
      if (is_answer_to_local(parsed, item)) {
        return;
      }
      return answer(interface, packet, parsed, item, own ? Counter::drop_no_kernel : Counter::drop_no_service);
    }
    if (has_l4_ports(parsed)) {
      item.endpoint = plan_.fronts.find_endpoint(parsed.source, parsed.source_port, parsed.protocol);
      if (item.endpoint != nullptr) {
        item.way = Way::back;
        return;
      }
    }
    transit(interface, parsed, item);
  }

  /// All fragments of a datagram go one way, whether they have ports or not: bind tells whose it is by the first.
  void fragment_by_address(const plan::Interface& interface, Packet& packet, const net::Parsed& parsed,
                           Item& item) noexcept {
    const bool has_ports = parsed.first_fragment && has_l4_ports(parsed);
    if (plan_.fronts.covers(parsed.destination)) {
      item.way = Way::in;
      item.listener = has_ports ? find_listener(parsed.destination, parsed.destination_port, parsed.protocol) : nullptr;
    } else if (plan_.owns(parsed.destination)) {
      answer(interface, packet, parsed, item, Counter::drop_fragment);
    } else if (plan_.fronts.has_endpoint_at(parsed.source) && !parsed.destination.is_multicast()) {
      item.way = Way::back;
      item.local = plan_.fronts.is_local(parsed.destination);
      item.endpoint =
          has_ports ? plan_.fronts.find_endpoint(parsed.source, parsed.source_port, parsed.protocol) : nullptr;
    } else {
      transit(interface, parsed, item);
    }
  }

  /// Full NAT: from a backend to the address that stands for its client.
  bool is_answer_to_local(const net::Parsed& parsed, Item& item) noexcept {
    if (!has_l4_ports(parsed) || !plan_.fronts.is_local(parsed.destination)) {
      return false;
    }
    item.endpoint = plan_.fronts.find_endpoint(parsed.source, parsed.source_port, parsed.protocol);
    if (item.endpoint == nullptr) {
      return false;
    }
    item.way = Way::back;
    item.local = true;
    return true;
  }

  void transit(const plan::Interface& interface, const net::Parsed& parsed, Item& item) noexcept {
    item.way = Way::transit;
    if (parsed.destination.is_multicast() || interface.transit == model::Transit::kernel) {
      return leave_to_kernel(interface, item, Counter::drop_no_service);
    }
    if (interface.transit == model::Transit::drop) {
      return item.drop(Counter::drop_no_service);
    }
    if (const auto hop = plan_.routes.find(parsed.destination)) {
      item.hop = *hop;
      state_.counters.add(Counter::routed);
    } else {
      item.drop(Counter::drop_no_route);
    }
  }

  /// Answers in place what Limpet answers itself; the rest goes to the kernel, or ends with `otherwise`.
  void answer(const plan::Interface& interface, Packet& packet, const net::Parsed& parsed, Item& item,
              Counter otherwise) noexcept {
    item.way = Way::local;
    l3::Buffer buffer{packet.data, packet.size, packet.capacity};
    if (l3::is_echo_request(parsed) && !may_answer_echo(parsed.destination)) {
      return item.drop(Counter::drop_echo_refused);
    }
    const bool asks_for_mac = l3::is_neighbour_message(parsed);  // which other interfaces' addresses do not have here
    const auto ours = [&](const net::IpAddress& address) {
      return (asks_for_mac ? interface.owns(address) : plan_.owns(address)) || plan_.fronts.is_vip(address);
    };
    if ((packet.contiguous == packet.size || l3::has_plain_echo(parsed)) &&
        l3::answer(buffer, parsed, interface.mac, ours) == l3::Answer::reply) {
      packet.size = static_cast<std::uint32_t>(buffer.size);
      packet.contiguous = static_cast<std::uint16_t>(std::min<std::size_t>(buffer.size, packet.contiguous));
      item.verdict = Verdict::reply;
      return;
    }
    leave_to_kernel(interface, item, otherwise);
  }

  /// A VIP answers when a service of it does: always, or while its pool has a backend for new sessions.
  [[nodiscard]] bool may_answer_echo(const net::IpAddress& address) const noexcept {
    const plan::VipUse* vip = plan_.vips.find(address);
    if (vip == nullptr || vip->echo) {
      return true;
    }
    return std::any_of(vip->echo_pools.begin(), vip->echo_pools.end(), [&](std::uint32_t pool) {
      const auto& backends = plan_.pools[pool].backends;
      return std::any_of(backends.begin(), backends.end(),
                         [&](const plan::Backend& backend) { return state_.node.backends.takes_new(backend.slot); });
    });
  }

  static void leave_to_kernel(const plan::Interface& interface, Item& item, Counter otherwise) noexcept {
    if (interface.has_kernel) {
      item.verdict = Verdict::punt;
    } else {
      item.drop(otherwise);
    }
  }

  State& state_;
  const plan::Plan& plan_;
};

}  // namespace

void classify(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  if (burst.source.origin == Origin::control || burst.source.origin == Origin::kernel) {
    for (unsigned i = 0; i < burst.count; ++i) {
      burst.items[i].way = Way::out;
      burst.items[i].verdict = Verdict::forward;
    }
    return;
  }
  burst.each_undecided(Classifier(state, plan));
}

}  // namespace limpet::path
