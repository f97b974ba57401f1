// What ports must obey: devices, addresses, routes.
#include "model/validator.hpp"

namespace limpet::model {
namespace {

constexpr std::size_t gateways_max = 16;  // of one route

}  // namespace

void Validator::check_port(const std::string& name, const Port& port) {
  const std::string path = below("ports", name);
  check_device(path + ".device", port.device);
  check_device(path + ".kernel", port.kernel);
  for (std::size_t i = 0; i < port.members.size(); ++i) {
    check_device(item(path, "members", i), port.members[i]);
  }
  if (port.device.starts_with("net_bonding") == port.members.empty() && !port.device.empty()) {
    add(port.members.empty() ? path + ".device" : path + ".members",
        port.members.empty() ? quote(port.device) : fmt::format("{} members", port.members.size()),
        port.members.empty() ? "members = [\"DEVICE\", ...] beside it" : "a bonding device: \"net_bonding0,mode=1\"");
  }
  if (port.mac && (port.mac->is_multicast() || *port.mac == Mac{})) {
    add(path + ".mac", quote(port.mac->text()), "a unicast MAC address");
  }
  check_interface(path, port, !port.kernel.empty());
  for (const auto& [id, vlan] : port.vlans) {
    const std::string full_name = fmt::format("{}.{}", name, id);
    const std::string vlan_path = fmt::format("{}.vlans.{}", path, id);
    if (model_.ports.contains(full_name)) {
      add(vlan_path, fmt::format("VLAN {} of a port beside a port {}", id, quote(full_name)),
          "another name for that port", "a VLAN is shown as PORT.ID");
    }
    check_interface(vlan_path, vlan, !port.kernel.empty());
  }
}

void Validator::check_device(const std::string& path, const std::string& device) {
  if (device.empty()) {
    return;
  }
  const auto name = device.substr(0, device.find(','));
  if (const auto [entry, fresh] = devices_.emplace(name, path); !fresh) {
    add(path, fmt::format("device {} again", quote(name)), "a device of its own",
        fmt::format("used by {}", entry->second));
  }
}

void Validator::check_interface(const std::string& path, const Interface& interface, bool has_kernel) {
  if (interface.transit == Transit::kernel && !has_kernel) {
    add(path + ".transit", "\"kernel\" on a port without a kernel device", "kernel = \"DEVICE\" on the port too");
  }
  for (std::size_t i = 0; i < interface.addresses.size(); ++i) {
    check_own_address(item(path, "addresses", i), interface.addresses[i]);
  }
  for (const auto& [address, mac] : interface.neighbors) {
    const std::string place = fmt::format("{}.neighbors.{}", path, toml_key(address.text()));
    if (!is_usable(address)) {
      add(place, quote(address.text()), "the address of a host");
    }
    if (mac.is_multicast() || mac == Mac{}) {
      add(place, quote(mac.text()), "a unicast MAC address");
    }
  }
  for (std::size_t i = 0; i < interface.routes.size(); ++i) {
    check_route(item(path, "routes", i), interface, interface.routes[i]);
  }
}

void Validator::check_own_address(const std::string& path, const Prefix& own) {
  if (!is_usable(own.address)) {
    add(path, quote(own.text()), "the address of a host");
  }
  if (is_link_local(own.address)) {
    return;  // every interface may have the same
  }
  if (const auto [entry, fresh] = own_.emplace(own.address, path); !fresh) {
    add(path, fmt::format("{} again", quote(own.address.text())), "an address of its own",
        fmt::format("also {}", entry->second));
    return;
  }
  if (const auto [entry, fresh] = networks_.emplace(network(own), path.substr(0, path.rfind('.'))); !fresh) {
    if (entry->second != path.substr(0, path.rfind('.'))) {
      add(path, fmt::format("network {} again", quote(network(own).text())), "each network on one interface",
          fmt::format("also on {}", entry->second));
    }
  }
}

void Validator::check_route(const std::string& path, const Interface& interface, const Route& route) {
  if (network(route.to) != route.to) {
    add(path + ".to", quote(route.to.text()), quote(network(route.to).text()), "bits behind the length must be zero");
  } else if (const auto [entry, fresh] = routes_.emplace(route.to, path); !fresh) {
    add(path, fmt::format("a second route to {}", quote(route.to.text())), "one route with several next hops",
        fmt::format("also {}", entry->second));
  }
  if (route.via.size() > gateways_max) {
    add(path + ".via", fmt::format("{} next hops", route.via.size()), fmt::format("at most {}", gateways_max));
  }
  std::set<IpAddress> seen;
  for (const auto& via : route.via) {
    if (!seen.insert(via).second) {
      add(path + ".via", fmt::format("{} again", quote(via.text())), "each next hop once");
    }
    if (via.family() != route.to.address.family()) {
      add(path + ".via", quote(via.text()), "a next hop of the destination's family");
    } else if (!is_reachable(interface, via)) {
      add(path + ".via", quote(via.text()), "an address on one of this interface's networks");
    }
  }
}

bool Validator::is_reachable(const Interface& interface, const IpAddress& via) {
  if (is_link_local(via) || interface.neighbors.contains(via)) {
    return true;
  }
  for (const auto& own : interface.addresses) {
    if (own.contains(via)) {
      return own.address != via;
    }
  }
  return false;
}

}  // namespace limpet::model
