// Valid models at random: what printing must carry through.
#pragma once

#include <fmt/format.h>

#include <random>

#include "model/model.hpp"

namespace limpet::model {

class RandomModel {
 public:
  explicit RandomModel(std::uint64_t seed) : random_(seed) {}

  Model make() {
    Model model;
    make_daemon(model);
    for (std::uint64_t i = 0; i < below(4); ++i) {
      model.ports[name(i)] = make_port(i);
    }
    for (std::uint64_t i = 0; i < below(3); ++i) {
      model.profiles[name(i)] = make_profile();
    }
    for (std::uint64_t i = 0; i < below(4); ++i) {
      model.pools[name(i)] = make_pool(i);
    }
    for (std::uint64_t i = 0; i < below(4) && !model.pools.empty(); ++i) {
      model.services[name(i)] = make_service(i, model);
    }
    return model;
  }

 private:
  std::uint64_t below(std::uint64_t count) {
    return std::uniform_int_distribution<std::uint64_t>(0, count - 1)(random_);
  }
  std::uint64_t between(std::uint64_t min, std::uint64_t max) { return min + below(max - min + 1); }
  bool maybe() { return below(2) == 0; }
  template <class E>
  E word(std::uint64_t count) {
    return static_cast<E>(below(count));
  }

  /// Distinct for each index; plain, dotted, numeric, long.
  std::string name(std::uint64_t index) {
    constexpr std::string_view shapes[] = {"web{}", "a.b-{}_", "{}", "-{}", "{}true"};
    return fmt::format(fmt::runtime(shapes[index % 5]), index);
  }
  std::string text() {
    constexpr std::string_view shapes[] = {"/x", "a \"quoted\" b\\c", "\xc3\xa4\xe2\x82\xac", "#=[]{{}}'",
                                           "net_null{}"};
    return fmt::format(fmt::runtime(shapes[below(5)]), below(100));
  }
  Mac mac() { return {{2, 0, 0, 0, static_cast<std::uint8_t>(below(256)), static_cast<std::uint8_t>(below(256))}}; }
  static IpAddress v4(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return IpAddress::v4(static_cast<std::uint32_t>(10u << 24 | a << 16 | b << 8 | c));
  }
  static IpAddress v6(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return *IpAddress::parse(fmt::format("2001:db8:{:x}:{:x}::{:x}", a, b, c));
  }

  void make_daemon(Model& model) {
    auto& daemon = model.limpetd;
    if (maybe()) {
      daemon.socket = text();
      daemon.secret_file = text();
      daemon.idle = word<Idle>(2);
      daemon.workers.assign(between(1, 5), static_cast<unsigned>(below(8)));
      daemon.eal.assign(below(3), text());
    }
    model.limits.flows_max = between(64, 1'000'000'000);
    model.limits.held_max_bytes = between(0, 1ULL << 40);
    model.limits.fragments_max = static_cast<std::uint32_t>(between(64, 1'000'000));
    model.limits.fragments_held_max = static_cast<std::uint32_t>(between(0, 65536));
    model.limits.fragment_timeout_ms = between(100, 60'000);
    model.limits.icmp_errors_max = static_cast<std::uint32_t>(between(0, 1'000'000));
  }

  void make_interface(Interface& interface, std::uint64_t a, std::uint64_t b) {
    if (maybe()) {
      interface.addresses = {{v4(a, b, 1), 24}, {v6(a, b, 1), 64}};
      interface.neighbors[v4(a, b, 200)] = mac();
      interface.neighbors[v6(a, b, 200)] = mac();
      interface.routes.push_back({{v4(200 + a, b, 0), 24}, {v4(a, b, 2)}});
      interface.routes.push_back({{v6(200 + a, b, 0), 64}, {v6(a, b, 2), v6(a, b, 3)}});
    }
    interface.side = word<Side>(3);
    interface.transit = maybe() ? Transit::drop : Transit::route;
  }

  Port make_port(std::uint64_t index) {
    Port port;
    port.device = fmt::format("net_x{},a=\"{}\"", index, text());
    make_interface(port, index, 0);
    port.mtu = static_cast<std::uint16_t>(between(576, 9216));
    if (maybe()) {
      port.mac = mac();
      port.kernel = fmt::format("net_k{}", index);
      port.transit = Transit::kernel;
    }
    for (std::uint64_t id = 1; id <= below(4); ++id) {
      make_interface(port.vlans[static_cast<std::uint16_t>(id * 1000)], index, id);
    }
    return port;
  }

  Profile make_profile() {
    Profile profile;
    profile.prefix4 = static_cast<std::uint8_t>(between(1, 32));
    profile.prefix6 = static_cast<std::uint8_t>(between(1, 128));
    profile.idle_timeout_ms = between(1000, 365ULL * 86'400'000);
    profile.on_down = word<OnDown>(3);
    profile.on_drain = word<OnDrain>(2);
    profile.scope = word<Scope>(3);
    if (maybe()) {
      profile.type = ProfileType::cookie;
      profile.name = "SRV";
      profile.by = word<By>(5);
      profile.learn = maybe();
    }
    if (profile.by == By::insert) {
      profile.set_cookie = {maybe() ? "/" : "/x", maybe() ? "example.org" : "", below(2) * 3600'000, true, maybe(),
                            word<SameSite>(4)};
      profile.close_on_conflict = maybe();
    }
    return profile;
  }

  Monitor make_monitor() {
    Monitor monitor;
    monitor.type = word<MonitorType>(2);
    if (monitor.type == MonitorType::http) {
      monitor.path = fmt::format("/{}", below(10));
      monitor.host = maybe() ? "example.org" : "";
    }
    monitor.l4_port = static_cast<std::uint16_t>(between(1, 65535));
    monitor.interval_ms = between(10, 3'600'000);
    monitor.timeout_ms = between(1, monitor.interval_ms);
    monitor.rise = static_cast<unsigned>(between(1, 1000));
    return monitor;
  }

  Pool make_pool(std::uint64_t index) {
    Pool pool;
    for (std::uint64_t i = 0; i < below(4); ++i) {
      pool.monitors.push_back(make_monitor());
    }
    for (std::uint64_t i = 0; i < below(6); ++i) {
      auto& backend = pool.backends[name(i)];
      const auto l4_port = static_cast<std::uint16_t>(below(65536));
      backend.addresses.push_back({v4(100 + index, i, 1), l4_port});
      if (maybe()) {
        backend.addresses.push_back({v6(100 + index, i, 1), l4_port});
      }
      backend.weight = static_cast<std::uint32_t>(below(1'000'001));
      backend.state = word<AdminState>(3);
    }
    return pool;
  }

  Service make_service(std::uint64_t index, const Model& model) {
    Service service;
    service.pool = model.pools.begin()->first;
    for (const auto& [profile, value] : model.profiles) {
      if (!is_content(value.type)) {  // which wants other listeners
        service.persist.push_back(profile);
      }
    }
    service.listen.push_back({Prefix::host(v4(150, index, 9)), static_cast<std::uint16_t>(below(65536)), {}});
    service.listen.back().protocol = maybe() ? net::Protocol::tcp : net::Protocol::udp;
    if (maybe()) {
      service.listen.push_back({{v6(150, index, 0), 64}, 0, net::Protocol::udp});
      service.listen.push_back({{v4(150, index, 0), 24}, 443, net::Protocol::tcp});
    }
    service.echo = word<Echo>(3);
    service.timeouts.embryonic_ms = between(1000, 9ULL * 3'600'000);
    service.timeouts.udp_ms = between(1000, 9ULL * 3'600'000);
    for (std::uint64_t i = 0; i < below(5); ++i) {
      (maybe() ? service.allow : service.deny).push_back({v4(160, i, 0), 24});
    }
    if (maybe()) {
      service.limits.new_flows_per_s = static_cast<std::uint32_t>(between(1, 100'000'000));
      service.limits.per_source.connections = static_cast<std::uint32_t>(below(1000));
      service.limits.per_source.prefix6 = static_cast<std::uint8_t>(between(1, 128));
    }
    service.max_mss = maybe() ? static_cast<std::uint16_t>(between(536, 65495)) : std::uint16_t{0};
    return service;
  }

  std::mt19937_64 random_;
};

}  // namespace limpet::model
