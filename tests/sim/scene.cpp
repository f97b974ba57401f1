#include "scene.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace limpet::sim {
namespace {

using test::ip, test::prefix;

/// Pools dns and web have the same servers behind them.
unsigned first_host(const std::string& pool) {
  return pool == "direct" ? 40 : pool == "app" ? 20 : 10;
}
std::uint16_t l4_port_of(const std::string& pool) {
  return pool == "direct" ? 0 : pool == "dns" ? 53 : 8080;
}

void declare_neighbours(model::Port& back) {
  for (const unsigned first : {10u, 20u, 40u}) {
    for (unsigned host = first + 1; host <= first + backends_max; ++host) {
      for (const auto& address : {fmt::format("198.51.100.{}", host), fmt::format("2001:db8:2::{:x}", host)}) {
        back.neighbors[ip(address)] = mac_of(ip(address));
      }
    }
  }
}

void declare_service(Random& random, model::Model& model, const std::string& name, unsigned number) {
  const auto protocol = name == "dns" ? net::Protocol::udp : net::Protocol::tcp;
  const auto l4_port = static_cast<std::uint16_t>(name == "dns" ? 53 : 80);
  model::Service& service = model.services[name];
  service.listen = {{prefix(fmt::format("192.0.2.{}", number)), l4_port, protocol},
                    {prefix(fmt::format("2001:db8:1::{}", number)), l4_port, protocol}};
  service.forwarding = name == "direct" ? model::Forwarding::dr : model::Forwarding::nat;
  if (name != "direct" && once_in(random, 3)) {
    service.forwarding = model::Forwarding::full_nat;
    service.local_addresses = {prefix("198.51.100.200/32"), prefix("2001:db8:2::c8/128")};
  }
  service.pool = name == "app" && once_in(random, 3) ? "web" : name;
  service.timeouts = {.embryonic_ms = 10'000, .established_ms = 60'000, .closing_ms = 5'000, .udp_ms = 20'000};
  using model::LiveFlows;
  service.flows_on_down = once_in(random, 3) ? LiveFlows::reset : LiveFlows::keep;
  service.flows_on_drain_end = once_in(random, 3) ? LiveFlows::reset : LiveFlows::keep;
  if (!once_in(random, 8)) {
    const std::string profile = once_in(random, 3) ? "shared" : name;
    service.persist = {profile};
    draw_profile(random, model.profiles[profile]);
    if (once_in(random, 4)) {
      const std::string second = name + "-second";
      draw_profile(random, model.profiles[second]);
      if (once_in(random, 2)) {
        service.persist.push_back(second);
      } else {
        model.profiles[profile].backup = second;
      }
    }
  }
}

}  // namespace

net::Mac mac_of(const net::IpAddress& backend_address) {
  return {
      {2, 0, 0, 0, 1, backend_address.is_v4() ? backend_address.wire_bytes()[3] : backend_address.wire_bytes()[15]}};
}

model::Backend declare_backend(Random& random, const std::string& pool, unsigned number) {
  const unsigned host = first_host(pool) + number;
  model::Backend made;
  made.addresses = {{ip(fmt::format("198.51.100.{}", host)), l4_port_of(pool)}};
  if (number % 4 != 0) {
    made.addresses.push_back({ip(fmt::format("2001:db8:2::{:x}", host)), l4_port_of(pool)});
  }
  made.weight = once_in(random, 8) ? 0 : 1 + below(random, 4);
  made.priority = once_in(random, 6) ? static_cast<std::uint8_t>(1 + below(random, 2)) : std::uint8_t{0};
  made.max_connections = once_in(random, 6) ? 2 + below(random, 20) : 0;
  return made;
}

model::ProfileType draw_type(Random& random) {
  using model::ProfileType;
  constexpr std::array rarer = {ProfileType::source_ip_port, ProfileType::destination_ip,
                                ProfileType::source_destination, ProfileType::five_tuple, ProfileType::none};
  return once_in(random, 4) ? one_of(random, rarer) : ProfileType::source_ip;
}

void draw_profile(Random& random, model::Profile& profile) {
  using model::OnDown, model::OnDrain, model::Scope;
  profile.type = draw_type(random);
  profile.prefix4 = one_of(random, std::array<std::uint8_t, 3>{32, 32, 24});
  profile.prefix6 = one_of(random, std::array<std::uint8_t, 4>{64, 64, 128, 48});
  profile.idle_timeout_ms = one_of(random, std::array<std::uint64_t, 4>{3'000, 15'000, 60'000, 600'000});
  profile.max_life_ms = once_in(random, 4) ? 20'000 : 0;
  profile.on_down = one_of(random, std::array{OnDown::reselect, OnDown::reselect, OnDown::reset, OnDown::hold});
  profile.on_return = one_of(random, std::array{model::OnReturn::stay, model::OnReturn::return_});
  profile.override_limits = once_in(random, 2);
  profile.max_imbalance = once_in(random, 3) ? 1000 + below(random, 1000) : 0;
  profile.heavy_key = profile.max_imbalance != 0 && once_in(random, 2) ? model::HeavyKey::split : model::HeavyKey::stay;
  profile.max_records = once_in(random, 6) ? 1 + below(random, 40) : 0;
  profile.on_full =
      one_of(random, std::array{model::OnFull::evict_oldest, model::OnFull::refuse, model::OnFull::algorithm});
  profile.on_drain = one_of(random, std::array{OnDrain::keep, OnDrain::expire});
  profile.scope = one_of(random, std::array{Scope::service, Scope::service, Scope::pool, Scope::global});
}

model::Algorithm draw_algorithm(Random& random) {
  using model::Algorithm;
  return one_of(random, std::array{Algorithm::rendezvous, Algorithm::maglev, Algorithm::least_connections,
                                   Algorithm::weighted_round_robin, Algorithm::random_two});
}

model::Model draw_model(Random& random) {
  model::Model model;
  test::declare_ports(model);
  declare_neighbours(model.ports["back"]);
  for (const char* pool : services) {
    const unsigned count = 2 + below(random, 4);
    model.pools[pool].algorithm = draw_algorithm(random);
    model.pools[pool].min_active = 1 + below(random, 2);
    for (unsigned number = 1; number <= count; ++number) {
      model.pools[pool].backends[fmt::format("b{}", number)] = declare_backend(random, pool, number);
    }
  }
  unsigned number = 10;
  for (const char* service : services) {
    declare_service(random, model, service, number++);
  }
  return model;
}

bool reaches(const model::Service& service, const model::Backend& backend, net::Family client) {
  return service.forwarding == model::Forwarding::full_nat ||
         std::any_of(backend.addresses.begin(), backend.addresses.end(),
                     [client](const net::Endpoint& at) { return at.address.family() == client; });
}

net::Endpoint vip_of(const model::Model& model, const std::string& service, net::Family family) {
  const auto& listens = model.services.at(service).listen;
  const auto& listen = family == net::Family::v4 ? listens.front() : listens.back();
  return {listen.prefix.address, listen.l4_port};
}

std::string backend_at(const model::Pool& pool, const net::Endpoint& at) {
  for (const auto& [name, backend] : pool.backends) {
    for (const net::Endpoint& endpoint : backend.addresses) {
      if (endpoint == at) {
        return name;
      }
    }
  }
  return "";
}

std::string backend_with(const model::Pool& pool, const net::Mac& mac) {
  for (const auto& [name, backend] : pool.backends) {
    if (mac_of(backend.addresses.front().address) == mac) {
      return name;
    }
  }
  return "";
}

}  // namespace limpet::sim
