#include "path/classify.hpp"

#include <algorithm>

#include "l3/answer.hpp"
#include "net/headers.hpp"

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

void copy_to_control(State& state, const Packet& packet, InterfaceIndex interface) noexcept {
  l3::Frame frame;
  frame.interface = interface;
  frame.size = static_cast<std::uint16_t>(std::min<std::size_t>(packet.contiguous, frame.bytes.size()));
  std::memcpy(frame.bytes.data(), packet.data, frame.size);
  state.counters.add(state.to_control.frames.push(frame) ? Counter::to_control : Counter::drop_control_full);
}

class Classifier {
 public:
  Classifier(State& state, const plan::Plan& plan) noexcept : state_(state), plan_(plan) {}

  void operator()(Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    item.interface = interface_of(plan_, packet, parsed);
    if (!item.interface.valid()) {
      return item.drop(Counter::drop_bad_vlan);
    }
    const plan::Interface& interface = plan_.interfaces[item.interface.value()];
    if (!is_ours(interface, packet)) {
      return item.drop(Counter::drop_not_ours);
    }
    if (l3::is_neighbour_message(parsed)) {
      copy_to_control(state_, packet, item.interface);
      return answer(interface, packet, parsed, item, Counter::drop_consumed);
    }
    if (parsed.kind != net::Kind::ip) {
      return leave_to_kernel(interface, item, Counter::drop_not_ip);
    }
    if (parsed.source.is_multicast() || parsed.source.is_none() || plan_.fronts.is_vip(parsed.source)) {
      return item.drop(Counter::drop_bad_source);
    }
    by_address(interface, packet, parsed, item);
  }

 private:
  void by_address(const plan::Interface& interface, Packet& packet, const net::Parsed& parsed, Item& item) noexcept {
    if (has_l4_ports(parsed) && !parsed.fragment) {
      const auto listener = plan_.fronts.find_listener(parsed.destination, parsed.destination_port, parsed.protocol);
      if (listener != plan::FrontTable::none) {
        item.way = Way::in;
        item.listener = &plan_.listeners[listener];
        return;
      }
      item.endpoint = plan_.fronts.find_endpoint(parsed.source, parsed.source_port, parsed.protocol);
      if (item.endpoint != nullptr && !interface.owns(parsed.destination)) {
        item.way = Way::back;
        return;
      }
    }
    if (interface.owns(parsed.destination) || plan_.fronts.is_vip(parsed.destination)) {
      item.way = Way::local;
      const bool vip = !interface.owns(parsed.destination);
      return answer(interface, packet, parsed, item,
                    parsed.fragment ? Counter::drop_fragment
                    : vip           ? Counter::drop_no_service
                                    : Counter::drop_no_kernel);
    }
    if (parsed.fragment && in_prefix_service(parsed)) {
      return item.drop(Counter::drop_fragment);
    }
    transit(interface, parsed, item);
  }

  /// Fragments carry no ports to look a service up by; the protocol's any-port listener would take them.
  bool in_prefix_service(const net::Parsed& parsed) const noexcept {
    return plan_.fronts.find_listener(parsed.destination, 0, parsed.protocol) != plan::FrontTable::none;
  }

  void transit(const plan::Interface& interface, const net::Parsed& parsed, Item& item) noexcept {
    item.way = Way::transit;
    if (parsed.destination.is_multicast() || interface.transit == model::Transit::kernel) {
      return leave_to_kernel(interface, item, Counter::drop_no_service);
    }
    if (interface.transit == model::Transit::drop) {
      return item.drop(parsed.fragment ? Counter::drop_fragment : Counter::drop_no_service);
    }
    if (const auto hop = plan_.routes.find(parsed.destination)) {
      item.hop = *hop;
    } else {
      item.drop(Counter::drop_no_route);
    }
  }

  /// Answers in place what Limpet answers itself; the rest goes to the kernel, or ends with `otherwise`.
  void answer(const plan::Interface& interface, Packet& packet, const net::Parsed& parsed, Item& item,
              Counter otherwise) noexcept {
    item.way = Way::local;
    l3::Buffer buffer{packet.data, packet.size, packet.capacity};
    const auto ours = [&](const net::IpAddress& address) {
      return interface.owns(address) || plan_.fronts.is_vip(address);
    };
    if (packet.contiguous == packet.size && l3::answer(buffer, parsed, interface.mac, ours) == l3::Answer::reply) {
      packet.size = static_cast<std::uint32_t>(buffer.size);
      packet.contiguous = static_cast<std::uint16_t>(buffer.size);
      item.verdict = Verdict::reply;
      return;
    }
    leave_to_kernel(interface, item, otherwise);
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
