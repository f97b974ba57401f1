// What services must obey for the way their packets go: local addresses, tunnels, direct return.
#include "model/validator.hpp"

namespace limpet::model {
namespace {

constexpr unsigned local_bits_max = 8;  // of a prefix of local addresses, behind its length

}  // namespace

bool Validator::has_local(const Service& service, net::Family family) {
  return std::any_of(service.local_addresses.begin(), service.local_addresses.end(),
                     [&](const Prefix& local) { return local.address.family() == family; });
}

void Validator::check_local_addresses(const std::string& path, const Service& service) {
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

void Validator::check_local(const std::string& path, const Prefix& local) {
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
void Validator::check_locals_reach(const std::string& path, const Service& service, const Pool& pool) {
  for (const auto& [name, backend] : pool.backends) {
    if (std::none_of(backend.addresses.begin(), backend.addresses.end(),
                     [&](const Endpoint& at) { return has_local(service, at.address.family()); })) {
      return add(path + ".local_addresses", fmt::format("no address of the family of backend {}", quote(name)),
                 "local addresses of each backend's family");
    }
  }
}

void Validator::check_tunnel(const std::string& path, const Service& service) {
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
void Validator::check_direct_return(const std::string& path, const Service& service, const Pool& pool) {
  for (const auto& [name, backend] : pool.backends) {
    for (const auto& endpoint : backend.addresses) {
      for (const auto& listen : service.listen) {
        const bool serves = tunnels(service.forwarding) || endpoint.address.family() == listen.prefix.address.family();
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

}  // namespace limpet::model
