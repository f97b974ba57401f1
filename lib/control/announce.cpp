// What Limpet tells its neighbours when a plan begins to be used, and what it is told about them by the file.
#include <fmt/format.h>

#include <set>

#include "control/context.hpp"

namespace limpet::control {
namespace {

/// The addresses that Limpet answers for on an interface: its own, and VIPs of the networks it is in.
std::set<net::IpAddress> announced_on(const plan::Plan& plan, const plan::Interface& interface) {
  std::set<net::IpAddress> result;
  for (const auto& prefix : interface.addresses) {
    result.insert(prefix.address);
    for (const auto& vip : plan.fronts.vips()) {
      if (prefix.contains(vip)) {
        result.insert(vip);
      }
    }
  }
  return result;
}

/// What the interface of that name announced in the plan before.
std::set<net::IpAddress> announced_before(const plan::Plan* before, const std::string& name) {
  if (before != nullptr) {
    for (const auto& interface : before->interfaces) {
      if (interface.name == name) {
        return announced_on(*before, interface);
      }
    }
  }
  return {};
}

void add_static(const model::Interface& declared, InterfaceIndex index, std::vector<l3::StaticNeighbour>& entries) {
  for (const auto& [address, mac] : declared.neighbors) {
    entries.push_back({index, address, mac});
  }
}

/// In the order in which the plan numbers its interfaces.
std::vector<l3::StaticNeighbour> static_neighbours(const model::Model& model) {
  std::vector<l3::StaticNeighbour> entries;
  std::uint16_t index = 0;
  for (const auto& [name, port] : model.ports) {
    add_static(port, InterfaceIndex(index++), entries);
    for (const auto& [id, vlan] : port.vlans) {
      add_static(vlan, InterfaceIndex(index++), entries);
    }
  }
  return entries;
}

}  // namespace

void set_neighbours(Context& context, const plan::Plan& plan, const model::Model& model, const plan::Plan* before) {
  context.neighbours.on_interfaces(plan.interfaces);
  context.neighbours.replace_static(static_neighbours(model), context.runtime.now_ms());
  context.neighbours.replace_gateways(l3::gateways_of(plan.routes), context.runtime.now_ms());
  for (std::size_t i = 0; i < plan.interfaces.size(); ++i) {
    const auto known = announced_before(before, plan.interfaces[i].name);
    std::vector<net::IpAddress> fresh;
    for (const auto& address : announced_on(plan, plan.interfaces[i])) {
      if (!known.contains(address)) {
        fresh.push_back(address);
      }
    }
    context.neighbours.announce(InterfaceIndex(static_cast<std::uint16_t>(i)), fresh);
  }
}

void watch_links(Context& context) {
  if (!context.links.is_due(context.runtime.now_ms())) {
    return;
  }
  const auto& plan = context.configuration.plan();
  for (const auto& link : context.links.changed(context.runtime.links())) {
    context.events.add("link", fmt::format("{} is {}", link.name, link.up ? "up" : "down"));
    if (!link.up || !link.port.valid()) {
      continue;
    }
    for (const auto index : plan.interfaces_of_port[link.port.value()]) {
      const auto ours = announced_on(plan, plan.interfaces[index.value()]);
      context.neighbours.announce(index, std::vector<net::IpAddress>(ours.begin(), ours.end()));
    }
  }
}

void tell_gateways(Context& context) {
  const auto& plan = context.configuration.plan();
  for (const auto& [gateway, answers] : context.neighbours.take_news()) {
    const auto index = gateway.interface.value();
    const std::string name = index < plan.interfaces.size() ? plan.interfaces[index].name : "";
    context.events.add("neighbor", fmt::format("gateway {} on {} {}", gateway.address.text(), name,
                                               answers ? "answers again" : "does not answer"));
  }
}

}  // namespace limpet::control
