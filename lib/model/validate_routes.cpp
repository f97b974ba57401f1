// What services must obey that lead connections to several pools.
#include "model/validator.hpp"

namespace limpet::model {

void Validator::check_routes(const std::string& path, const Service& service) {
  std::map<std::pair<std::string, std::string>, std::string> seen;  // -> path
  for (std::size_t i = 0; i < service.routes.size(); ++i) {
    const PoolRoute& route = service.routes[i];
    const std::string place = item(path, "routes", i);
    check_pool_route(place, service, route);
    const std::pair<std::string, std::string> what{route.what(), route.value()};
    if (const auto [entry, fresh] = seen.emplace(what, place); !fresh && !what.first.empty()) {
      add(place, fmt::format("{} = {} again", what.first, quote(what.second)), "each route once",
          fmt::format("also {}", entry->second));
    }
  }
  check_shared_cookie(path, service);
  if (!service.accept_proxy.empty() && service.client_address == ClientAddress::proxy_v2) {
    add(path + ".accept_proxy", "accept_proxy with client_address = \"proxy_v2\"", "one of them",
        "the front's header passes on");
  }
  for (std::size_t i = 0; i < service.accept_proxy.size(); ++i) {
    const Prefix& prefix = service.accept_proxy[i];
    if (network(prefix) != prefix) {
      add(item(path, "accept_proxy", i), quote(prefix.text()), quote(network(prefix).text()),
          "bits behind the length must be zero");
    }
  }
}

/// A client has one cookie of a name and site, whichever pool has put it in: the next one's would replace it.
void Validator::check_shared_cookie(const std::string& path, const Service& service) {
  each_profile(service, [&](const std::string& name, const Profile& profile) {
    for (std::size_t i = 0; profile.by == By::insert && i < service.routes.size(); ++i) {
      const PoolRoute& route = service.routes[i];
      const bool is_one_site = route.what().starts_with("path") || !profile.set_cookie.domain.empty();
      if (is_one_site && route.pool != service.pool) {
        add(item(path, "routes", i),
            fmt::format("{} = {} to another pool, and profile {}", route.what(), quote(route.value()), quote(name)),
            "routes by host, without set_cookie.domain", "the pools would replace each other's cookies");
      }
    }
    return false;
  });
}

void Validator::check_pool_route(const std::string& path, const Service& service, const PoolRoute& route) {
  if (route.what().empty()) {
    add(path, "a route by nothing, or by several things",
        "one of host, path, sni, host_regex, path_regex and sni_regex");
  }
  for (const std::string* name : {&route.host, &route.sni}) {
    const std::string_view plain = std::string_view(*name).substr(name->starts_with("*.") ? 2 : 0);
    if (!name->empty() && (plain.empty() || plain.find_first_of("*/: ") != std::string_view::npos)) {
      add(path, quote(*name), "a host name, or \"*.\" and one");
    }
  }
  if (!route.path.empty() && (!route.path.starts_with('/') || route.path.find_first_of(" ?#") != std::string::npos)) {
    add(path, quote(route.path), "a path that begins with \"/\" and has no spaces and no query");
  }
  if (!route.pool.empty()) {
    check_routed_pool(path, service, route.pool);
  }
}

/// Somebody there answers clients of each family that the service listens for.
void Validator::check_routed_pool(const std::string& path, const Service& service, const std::string& name) {
  const auto pool = model_.pools.find(name);
  if (pool == model_.pools.end()) {
    return add(path, fmt::format("pool {}", quote(name)), "the name of a pool",
               nearest_hint(name, names_of(model_.pools)));
  }
  if (service.forwarding == Forwarding::full_nat) {
    return check_locals_reach(path, service, pool->second);
  }
  const auto& backends = pool->second.backends;
  for (const Listen& listen : service.listen) {
    const auto reaches = [&](const Endpoint& at) { return at.address.family() == listen.prefix.address.family(); };
    if (!backends.empty() && std::none_of(backends.begin(), backends.end(), [&](const auto& backend) {
          return std::any_of(backend.second.addresses.begin(), backend.second.addresses.end(), reaches);
        })) {
      return add(path, fmt::format("pool {} without an address of the family of {}", quote(name), quote(listen.text())),
                 "backends that clients reach");
    }
  }
}

}  // namespace limpet::model
