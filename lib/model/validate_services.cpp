// What services must obey.
#include "model/validator.hpp"

namespace limpet::model {
namespace {

constexpr std::uint16_t mss_min = 536;  // RFC 9293, section 3.7.1

}  // namespace

void Validator::check_service(const std::string& name, const Service& service) {
  const std::string path = below("services", name);
  const auto pool = model_.pools.find(service.pool);
  if (!service.pool.empty() && pool == model_.pools.end()) {
    add(path + ".pool", quote(service.pool), "the name of a pool", nearest_hint(service.pool, names_of(model_.pools)));
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
  check_routes(path, service);
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
std::string Validator::delays(const Service& service) const {
  std::string what = !service.routes.empty()         ? "routes"
                     : !service.accept_proxy.empty() ? "accept_proxy"
                     : service.syn_proxy             ? "syn_proxy"
                                                     : "";
  each_profile(service, [&](const std::string& name, const Profile& profile) {
    if (is_content(profile.type)) {
      what = fmt::format("profile {}", quote(name));
    }
    return is_content(profile.type);
  });
  return what;
}

void Validator::check_own_tokens(const std::string& path, const Service& service) {
  std::string before;
  each_profile(service, [&](const std::string& name, const Profile& profile) {
    if (by_own_token(profile.by)) {
      if (!before.empty()) {
        add(path + ".persist", fmt::format("profiles {} and {}", quote(before), quote(name)),
            "one with by = \"rewrite\" or \"insert\"");
      }
      before = name;
    }
    return false;
  });
}

void Validator::check_delay(const std::string& path, const Service& service) {
  const std::string what = delays(service);
  if (what.empty()) {
    return;
  }
  if (returns_directly(service.forwarding)) {
    add(path + ".forwarding", fmt::format("{} with {}", quote(forwarding_name(service.forwarding)), what),
        "\"nat\" or \"full_nat\"", "answers must pass Limpet, which has numbered them");
  }
  check_own_tokens(path, service);
  for (const Listen& listen : service.listen) {
    if (listen.protocol == net::Protocol::tcp && (!listen.prefix.is_host() || listen.l4_port == 0)) {
      add(path + ".listen", fmt::format("{} with {}", quote(listen.text()), what), "one address and one port");
    } else if (listen.protocol != net::Protocol::tcp) {
      add(path + ".listen", fmt::format("{} with {}", quote(listen.text()), what), "a TCP port");
    }
  }
}

void Validator::check_access(const std::string& path, const Service& service) {
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
void Validator::check_rate(const std::string& path, std::uint32_t per_s, std::uint32_t burst) {
  constexpr std::uint32_t ticks_a_second = 500;  // half of them may come late
  const std::uint32_t burst_min = (per_s + ticks_a_second - 1) / ticks_a_second;
  if (burst != 0 && per_s == 0) {
    add(path + ".burst", fmt::format("{}", burst), "new_flows_per_s beside it");
  } else if (burst != 0 && burst < burst_min) {
    add(path + ".burst", fmt::format("{}", burst),
        fmt::format("at least {}, for {} new flows a second", burst_min, per_s));
  }
}

void Validator::check_listen(const std::string& path, const Listen& listen) {
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
  if (const auto backend = backend_addresses_.find(vip.address); vip.is_host() && backend != backend_addresses_.end()) {
    add(path, fmt::format("the address of a backend, {}", quote(vip.address.text())), "a virtual address",
        fmt::format("also {}", backend->second));
  }
}

void Validator::check_client_address(const std::string& path, const Service& service) {
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

}  // namespace limpet::model
