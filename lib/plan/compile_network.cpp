// Interfaces and routes.
#include "plan/compiler.hpp"

namespace limpet::plan {

void Compiler::add_interface(const std::string& name, const model::Interface& from, std::uint16_t vlan,
                             const net::Mac& mac, std::uint16_t mtu, bool has_kernel) {
  const auto port = static_cast<std::uint16_t>(plan_->interfaces_of_port.size() - 1);
  plan_->interfaces_of_port.back().push_back(InterfaceIndex(static_cast<std::uint16_t>(plan_->interfaces.size())));
  plan_->interfaces.push_back({name, PortIndex(port), vlan, mtu, mac, from.addresses, from.transit, has_kernel});
  declared_.push_back(&from);
}

void Compiler::add_interfaces() {
  for (const auto& [name, port] : model_.ports) {
    const auto device = input_.device_macs.find(name);
    const net::Mac mac = port.mac.value_or(device == input_.device_macs.end() ? net::Mac{} : device->second);
    plan_->interfaces_of_port.emplace_back();
    add_interface(name, port, 0, mac, port.mtu, !port.kernel.empty());
    plan_->express.add_face(plan_->interfaces.back().port, mac);
    for (const auto& [id, vlan] : port.vlans) {
      add_interface(fmt::format("{}.{}", name, id), vlan, id, vlan.mac.value_or(mac), port.mtu, !port.kernel.empty());
    }
  }
}

void Compiler::add_routes() {
  for (std::size_t i = 0; i < declared_.size(); ++i) {
    for (const net::Prefix& address : declared_[i]->addresses) {
      plan_->routes.add(address, Hop{InterfaceIndex(static_cast<std::uint16_t>(i)), {}});
      plan_->own_addresses.add(address.address, 1);
    }
  }
  for (std::size_t i = 0; i < declared_.size(); ++i) {  // after the links: these win where prefixes are equal
    for (const auto& [to, via] : declared_[i]->routes) {
      plan_->routes.add(to, InterfaceIndex(static_cast<std::uint16_t>(i)), via);
    }
  }
}

}  // namespace limpet::plan
