// What the model as a whole must obey. Each rule is told where the value stands in the file; each is named
// in docs/configuration.md.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/id.hpp"
#include "model/fields.hpp"
#include "model/nearest.hpp"
#include "model/read.hpp"

namespace limpet::model {
namespace {

constexpr std::size_t workers_max = 127;       // one less than DPDK's lcores
constexpr std::uint32_t imbalance_min = 1010;  // thousandths
constexpr std::size_t gateways_max = 16;       // of one route
constexpr std::uint16_t mss_min = 536;         // RFC 9293, section 3.7.1
constexpr std::size_t socket_path_max = 107;   // sun_path without its end
constexpr unsigned local_bits_max = 8;         // of a prefix of local addresses, behind its length

bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.high() >> 54 == 0x3fa;
}
bool is_usable(const IpAddress& address) {
  return !address.is_multicast() && !address.is_none() && !(address.is_v4() && address.v4_host() == 0) &&
         !(address.is_v4() && address.v4_host() == 0xffffffff);
}
Prefix network(const Prefix& prefix) {
  return {prefix.address.masked(prefix.length), prefix.length};
}
std::string quote(std::string_view text) {
  return fmt::format("\"{}\"", text);
}
std::string item(const std::string& path, std::string_view key, std::size_t index) {
  return fmt::format("{}.{}[{}]", path, key, index);
}
std::string below(std::string_view section, std::string_view name) {
  return fmt::format("{}.{}", section, toml_key(name));
}

template <class T>
std::vector<std::string_view> names_of(const std::map<std::string, T>& map) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : map) {
    names.push_back(name);
  }
  return names;
}

class Validator {
 public:
  Validator(const Model& model, Problems& problems, const Places& places)
      : model_(model), problems_(problems), places_(places) {}

  void run() {
    check_daemon();
    for (const auto& [name, port] : model_.ports) {
      check_port(name, port);
    }
    for (const auto& [name, profile] : model_.profiles) {
      check_profile(below("profiles", name), name, profile);
    }
    for (const auto& [name, pool] : model_.pools) {
      check_pool(below("pools", name), pool);
    }
    for (const auto& [name, service] : model_.services) {
      check_service(name, service);
    }
    for (const auto& [name, service] : model_.services) {  // every VIP and tunnel is known by now
      check_local_addresses(below("services", name), service);
      check_client_address(below("services", name), service);
    }
    if (backends_ >= backend_slots_max) {
      add("pools", fmt::format("{} backends in all", backends_), fmt::format("fewer than {}", backend_slots_max));
    }
    if (listens_.size() > listener_slots_max) {
      add("services", fmt::format("{} listen addresses in all", listens_.size()),
          fmt::format("at most {}", listener_slots_max));
    }
  }

 private:
  void add(const std::string& path, std::string found, std::string expected, std::string hint = {}) {
    problems_.add(places_.find(path), std::move(found), std::move(expected), std::move(hint));
  }

  void check_daemon() {
    const auto count = model_.limpetd.workers.size();
    if (count == 0 || count > workers_max) {
      add("limpetd.workers", fmt::format("{} workers", count), fmt::format("1 to {}", workers_max));
    }
    if (model_.limits.embryonic_max > model_.limits.flows_max) {
      add("limits.embryonic_max", fmt::format("{}", model_.limits.embryonic_max),
          fmt::format("at most flows_max, {}", model_.limits.flows_max));
    }
    if (model_.limpetd.socket.size() > socket_path_max) {
      add("limpetd.socket", fmt::format("a path of {} bytes", model_.limpetd.socket.size()),
          fmt::format("at most {}", socket_path_max));
    }
  }

  void check_port(const std::string& name, const Port& port) {
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

  void check_device(const std::string& path, const std::string& device) {
    if (device.empty()) {
      return;
    }
    const auto name = device.substr(0, device.find(','));
    if (const auto [entry, fresh] = devices_.emplace(name, path); !fresh) {
      add(path, fmt::format("device {} again", quote(name)), "a device of its own",
          fmt::format("used by {}", entry->second));
    }
  }

  void check_interface(const std::string& path, const Interface& interface, bool has_kernel) {
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

  void check_own_address(const std::string& path, const Prefix& own) {
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

  void check_route(const std::string& path, const Interface& interface, const Route& route) {
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

  static bool is_reachable(const Interface& interface, const IpAddress& via) {
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

  void check_pool(const std::string& path, const Pool& pool) {
    bool some_without_port = false;
    std::map<Endpoint, std::string> endpoints;
    for (const auto& [name, backend] : pool.backends) {
      const std::string backend_path = fmt::format("{}.backends.{}", path, toml_key(name));
      check_backend(backend_path, backend);
      for (const auto& endpoint : backend.addresses) {
        some_without_port |= endpoint.l4_port == 0;
        if (const auto [entry, fresh] = endpoints.emplace(endpoint, name); !fresh && entry->second != name) {
          add(backend_path + ".address", fmt::format("{} again", quote(endpoint.text())), "one backend an address",
              fmt::format("also backend {}", quote(entry->second)));
        }
      }
    }
    backends_ += pool.backends.size();
    for (std::size_t i = 0; i < pool.monitors.size(); ++i) {
      const std::string listed = item(path, "monitor", i);
      check_monitor(places_.has(listed) ? listed : path + ".monitor", pool.monitors[i], some_without_port);
    }
  }

  void check_profile(const std::string& path, const std::string& name, const Profile& profile) {
    if (profile.max_imbalance != 0 && profile.max_imbalance < imbalance_min) {
      add(path + ".max_imbalance", ratio_text(profile.max_imbalance), "0 for no cap, or 1.01 and up");
    }
    if (profile.heavy_key == HeavyKey::split && profile.max_imbalance == 0) {
      add(path + ".heavy_key", quote("split"), "max_imbalance beside it", "it says which keys are heavy");
    }
    check_content(path, profile);
    if (profile.backup.empty()) {
      return;
    }
    if (!model_.profiles.contains(profile.backup)) {
      return add(path + ".backup", quote(profile.backup), "the name of a profile",
                 nearest_hint(profile.backup, names_of(model_.profiles)));
    }
    std::set<std::string_view> seen{name};
    for (std::string_view next = profile.backup; !next.empty();) {
      if (!seen.insert(next).second) {
        return add(path + ".backup", quote(profile.backup), "profiles that do not lead back to one another");
      }
      const auto found = model_.profiles.find(std::string(next));
      next = found == model_.profiles.end() ? std::string_view{} : std::string_view(found->second.backup);
    }
  }

  void check_content(const std::string& path, const Profile& profile) {
    const bool named = profile.type == ProfileType::cookie || profile.type == ProfileType::header ||
                       profile.type == ProfileType::url_param;
    if (named == profile.name.empty()) {
      add(path + ".name", named ? "missing" : quote(profile.name),
          named ? "the name of the cookie, header or parameter" : "none with a type that needs none");
    }
    if (!is_content(profile.type) && profile.by != By::record) {
      add(path + ".by", profile.by == By::route ? quote("route") : quote("hash"), "a type that reads what clients say");
    }
    if (!profile.delimiter.empty() && (profile.by != By::route || profile.delimiter.size() != 1)) {
      add(path + ".delimiter", quote(profile.delimiter),
          profile.by != By::route ? "by = \"route\" beside it" : "one character");
    }
  }

  void check_backend(const std::string& path, const Backend& backend) {
    unsigned of_family[2] = {};
    for (const auto& endpoint : backend.addresses) {
      if (!is_usable(endpoint.address)) {
        add(path + ".address", quote(endpoint.text()), "the address of a host");
      }
      if (const auto own = own_.find(endpoint.address); own != own_.end()) {
        add(path + ".address", fmt::format("Limpet's own address {}", quote(endpoint.address.text())),
            "the address of a server", fmt::format("also {}", own->second));
      }
      if (++of_family[static_cast<std::size_t>(endpoint.address.family())] == 2) {
        add(path + ".address", fmt::format("a second {} address", endpoint.address.is_v4() ? "IPv4" : "IPv6"),
            "at most one address per family");
      }
      backend_addresses_.emplace(endpoint.address, path);
    }
  }

  void check_monitor(const std::string& path, const Monitor& monitor, bool some_backend_without_port) {
    if (monitor.timeout_ms > monitor.interval_ms) {
      add(path + ".timeout", quote(duration_text(monitor.timeout_ms)),
          fmt::format("at most the interval, {}", duration_text(monitor.interval_ms)));
    }
    if (monitor.type == MonitorType::tcp) {
      for (const auto* key : {".path", ".host"}) {
        if (places_.has(path + key)) {
          add(path + key, fmt::format("\"{}\" in a tcp monitor", key + 1), "type = \"http\"");
        }
      }
    } else if (!monitor.path.starts_with('/') || monitor.path.find(' ') != std::string::npos) {
      add(path + ".path", quote(monitor.path), "a path that begins with \"/\" and has no spaces");
    }
    if (monitor.host.find(' ') != std::string::npos) {
      add(path + ".host", quote(monitor.host), "a host name");
    }
    if (monitor.l4_port == 0 && some_backend_without_port) {
      add(path, "a monitor without l4_port for a backend without a port", "l4_port = PORT");
    }
  }

  void check_service(const std::string& name, const Service& service) {
    const std::string path = below("services", name);
    const auto pool = model_.pools.find(service.pool);
    if (!service.pool.empty() && pool == model_.pools.end()) {
      add(path + ".pool", quote(service.pool), "the name of a pool",
          nearest_hint(service.pool, names_of(model_.pools)));
    }
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < service.persist.size(); ++i) {
      const auto& profile = service.persist[i];
      if (!model_.profiles.contains(profile)) {
        add(item(path, "persist", i), quote(profile), "the name of a profile",
            nearest_hint(profile, names_of(model_.profiles)));
      } else if (!seen.insert(profile).second) {
        add(item(path, "persist", i), fmt::format("{} again", quote(profile)), "each profile once");
      }
    }
    for (std::size_t i = 0; i < service.listen.size(); ++i) {
      const std::string listed = item(path, "listen", i);
      check_listen(places_.has(listed) ? listed : path + ".listen", service.listen[i]);
    }
    check_access(path, service);
    check_rate(path + ".limits", service.limits.new_flows_per_s, service.limits.burst);
    const SourceLimits& source = service.limits.per_source;
    check_rate(path + ".limits.per_source", source.new_flows_per_s, source.burst);
    check_tunnel(path, service);
    check_delay(path, service);
    if (service.max_mss != 0 && service.max_mss < mss_min) {
      add(path + ".max_mss", fmt::format("{}", service.max_mss), fmt::format("0 for any, or {} and up", mss_min));
    }
    if (returns_directly(service.forwarding) && pool != model_.pools.end()) {
      check_direct_return(path, service, pool->second);
      if (pool->second.passive.failures != 0) {
        add(path + ".forwarding", quote(forwarding_name(service.forwarding)),
            "\"nat\" with a pool that has passive health", "answers that do not pass Limpet tell it nothing");
      }
    }
  }

  /// What a service asks for that makes Limpet complete handshakes itself; empty: nothing.
  [[nodiscard]] std::string delays(const Service& service) const {
    for (const std::string& first : service.persist) {
      std::set<std::string> seen;
      for (auto found = model_.profiles.find(first); found != model_.profiles.end() && seen.insert(found->first).second;
           found = model_.profiles.find(found->second.backup)) {
        if (is_content(found->second.type)) {
          return fmt::format("profile {}", quote(found->first));
        }
      }
    }
    return service.syn_proxy ? "syn_proxy" : "";
  }

  void check_delay(const std::string& path, const Service& service) {
    const std::string what = delays(service);
    if (what.empty()) {
      return;
    }
    if (returns_directly(service.forwarding)) {
      add(path + ".forwarding", fmt::format("{} with {}", quote(forwarding_name(service.forwarding)), what),
          "\"nat\" or \"full_nat\"", "answers must pass Limpet, which has numbered them");
    }
    for (const Listen& listen : service.listen) {
      if (listen.protocol == net::Protocol::tcp && (!listen.prefix.is_host() || listen.l4_port == 0)) {
        add(path + ".listen", fmt::format("{} with {}", quote(listen.text()), what), "one address and one port");
      } else if (listen.protocol != net::Protocol::tcp) {
        add(path + ".listen", fmt::format("{} with {}", quote(listen.text()), what), "a TCP port");
      }
    }
  }

  void check_access(const std::string& path, const Service& service) {
    std::map<Prefix, std::string> seen;  // -> path
    const auto check = [&](std::string_view key, const std::vector<Prefix>& list) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        const std::string place = item(path, key, i);
        if (network(list[i]) != list[i]) {
          add(place, quote(list[i].text()), quote(network(list[i]).text()), "bits behind the length must be zero");
        } else if (const auto [entry, fresh] = seen.emplace(list[i], place); !fresh) {
          add(place, fmt::format("{} again", quote(list[i].text())), "each prefix once, in allow or in deny",
              fmt::format("also {}", entry->second));
        }
      }
    };
    check("allow", service.allow);
    check("deny", service.deny);
  }

  /// Limpet's clock has milliseconds: what may come at once must last until it ticks again.
  void check_rate(const std::string& path, std::uint32_t per_s, std::uint32_t burst) {
    constexpr std::uint32_t ticks_a_second = 500;  // half of them may come late
    const std::uint32_t burst_min = (per_s + ticks_a_second - 1) / ticks_a_second;
    if (burst != 0 && per_s == 0) {
      add(path + ".burst", fmt::format("{}", burst), "new_flows_per_s beside it");
    } else if (burst != 0 && burst < burst_min) {
      add(path + ".burst", fmt::format("{}", burst),
          fmt::format("at least {}, for {} new flows a second", burst_min, per_s));
    }
  }

  void check_listen(const std::string& path, const Listen& listen) {
    const auto& vip = listen.prefix;
    if (const auto [entry, fresh] = listens_.emplace(listen, path); !fresh) {
      add(path, fmt::format("{} again", quote(listen.text())), "each listen address once",
          fmt::format("also {}", entry->second));
      return;
    }
    if (network(vip) != vip) {
      Listen right = listen;
      right.prefix = network(vip);
      add(path, quote(listen.text()), quote(right.text()), "bits behind the length must be zero");
    }
    if (vip.is_host() && !is_usable(vip.address)) {
      add(path, quote(vip.address.text()), "the address of a host");
    }
    if (const auto own = own_.find(vip.address); vip.is_host() && own != own_.end()) {
      add(path, fmt::format("Limpet's own address {}", quote(vip.address.text())), "a virtual address",
          fmt::format("also {}", own->second));
    }
    if (const auto backend = backend_addresses_.find(vip.address);
        vip.is_host() && backend != backend_addresses_.end()) {
      add(path, fmt::format("the address of a backend, {}", quote(vip.address.text())), "a virtual address",
          fmt::format("also {}", backend->second));
    }
  }

  static bool has_local(const Service& service, net::Family family) {
    return std::any_of(service.local_addresses.begin(), service.local_addresses.end(),
                       [&](const Prefix& local) { return local.address.family() == family; });
  }

  void check_local_addresses(const std::string& path, const Service& service) {
    if (service.forwarding != Forwarding::full_nat) {
      if (!service.local_addresses.empty()) {
        add(path + ".local_addresses", "local addresses without full NAT", "forwarding = \"full_nat\" beside them");
      }
      return;
    }
    if (service.local_addresses.empty()) {
      return add(path + ".forwarding", quote("full_nat"), "local_addresses beside it",
                 "backends see them in place of clients");
    }
    for (const auto& listen : service.listen) {
      if (!listen.prefix.is_host()) {
        add(path + ".listen", quote(listen.text()), "one address a listen address, with full_nat");
      }
    }
    for (std::size_t i = 0; i < service.local_addresses.size(); ++i) {
      const std::string listed = item(path, "local_addresses", i);
      check_local(places_.has(listed) ? listed : path + ".local_addresses", service.local_addresses[i]);
    }
    const auto pool = model_.pools.find(service.pool);
    if (pool != model_.pools.end()) {
      check_locals_reach(path, service, pool->second);
    }
  }

  void check_client_address(const std::string& path, const Service& service) {
    if (service.client_address == ClientAddress::none) {
      return;
    }
    if (service.forwarding != Forwarding::full_nat) {
      add(path + ".client_address", "another forwarding mode than full NAT", "forwarding = \"full_nat\" beside it",
          "all others leave backends the client's own address");
    }
    for (std::size_t i = 0; i < service.listen.size(); ++i) {
      if (service.listen[i].protocol != net::Protocol::tcp) {
        const std::string listed = item(path, "listen", i);
        add(places_.has(listed) ? listed : path + ".listen", quote(service.listen[i].text()),
            "TCP alone, with client_address", "datagrams have no connection that could begin with a client's address");
      }
    }
  }

  void check_local(const std::string& path, const Prefix& local) {
    const unsigned bits = (local.address.is_v4() ? 32u : 128u) - local.length;
    if (network(local) != local) {
      return add(path, quote(local.text()), quote(network(local).text()), "bits behind the length must be zero");
    }
    if (bits > local_bits_max) {
      return add(path, quote(local.text()), fmt::format("a prefix of at most {} addresses", 1u << local_bits_max));
    }
    if (!is_usable(local.address)) {
      return add(path, quote(local.text()), "addresses of a host");
    }
    const auto taken = [&](const IpAddress& address, std::string_view what, const std::string& by) {
      if (local.contains(address)) {
        add(path, fmt::format("{} {}", what, quote(address.text())), "addresses that nothing else has",
            fmt::format("also {}", by));
      }
    };
    for (const auto& [address, by] : own_) {
      taken(address, "Limpet's own address", by);
    }
    for (const auto& [address, by] : tunnel_sources_) {
      taken(address, "the source of a tunnel,", by);
    }
    for (const auto& [address, by] : backend_addresses_) {
      taken(address, "the address of a backend,", by);
    }
    for (const auto& [listen, by] : listens_) {
      if (listen.prefix.contains(local.address) || local.contains(listen.prefix.address)) {
        add(path, fmt::format("the virtual address {}", quote(listen.text())), "addresses that nothing else has",
            fmt::format("also {}", by));
      }
    }
  }

  /// Each backend has an address of a family that local addresses have.
  void check_locals_reach(const std::string& path, const Service& service, const Pool& pool) {
    for (const auto& [name, backend] : pool.backends) {
      if (std::none_of(backend.addresses.begin(), backend.addresses.end(),
                       [&](const Endpoint& at) { return has_local(service, at.address.family()); })) {
        return add(path + ".local_addresses", fmt::format("no address of the family of backend {}", quote(name)),
                   "local addresses of each backend's family");
      }
    }
  }

  void check_tunnel(const std::string& path, const Service& service) {
    if (!tunnels(service.forwarding) && service.tunnel != Tunnel{}) {
      add(path + ".tunnel",
          fmt::format("a tunnel of a service with forwarding = {}", quote(forwarding_name(service.forwarding))),
          "forwarding = \"ipip\", \"gre\" or \"gue\"");
    }
    std::set<IpAddress> seen;
    for (std::size_t i = 0; i < service.tunnel.sources.size(); ++i) {
      const IpAddress& source = service.tunnel.sources[i];
      const std::string place = item(path + ".tunnel", "sources", i);
      if (!is_usable(source)) {
        add(place, quote(source.text()), "the address of a host");
      } else if (const auto backend = backend_addresses_.find(source); backend != backend_addresses_.end()) {
        add(place, fmt::format("the address of a backend, {}", quote(source.text())), "an address of Limpet's",
            fmt::format("also {}", backend->second));
      } else if (!seen.insert(source).second) {
        add(place, fmt::format("{} again", quote(source.text())), "each address once");
      }
      tunnel_sources_.emplace(source, place);
    }
  }

  /// Direct return rewrites no port: a backend is reached on the port that the client used.
  void check_direct_return(const std::string& path, const Service& service, const Pool& pool) {
    for (const auto& [name, backend] : pool.backends) {
      for (const auto& endpoint : backend.addresses) {
        for (const auto& listen : service.listen) {
          const bool serves =
              tunnels(service.forwarding) || endpoint.address.family() == listen.prefix.address.family();
          if (serves && endpoint.l4_port != 0 && endpoint.l4_port != listen.l4_port) {
            add(path + ".forwarding",
                fmt::format("{} with backend {} at {}", quote(forwarding_name(service.forwarding)), quote(name),
                            quote(endpoint.text())),
                fmt::format("backends without a port, or with that of {}", quote(listen.text())),
                "direct return keeps ports");
            return;
          }
        }
      }
    }
  }

  const Model& model_;
  Problems& problems_;
  const Places& places_;
  std::map<std::string, std::string> devices_;          // name -> path
  std::map<IpAddress, std::string> own_;                // -> path
  std::map<Prefix, std::string> networks_;              // -> path of the interface
  std::map<Prefix, std::string> routes_;                // -> path
  std::map<IpAddress, std::string> backend_addresses_;  // -> path
  std::map<IpAddress, std::string> tunnel_sources_;     // -> path
  std::map<Listen, std::string> listens_;               // -> path
  std::size_t backends_ = 0;
};

}  // namespace

void validate(const Model& model, Problems& problems, const Places& places) {
  Validator(model, problems, places).run();
}

}  // namespace limpet::model
