#include "plan/compile.hpp"

#include <algorithm>
#include <set>

namespace limpet::plan {
namespace {

constexpr std::uint32_t record_passes_max = 36;  // six minutes

class Compiler {
 public:
  Compiler(const Input& input, Slots& slots) : input_(input), model_(input.model), slots_(slots) {}

  Result<std::shared_ptr<const Plan>> run() {
    plan_->version = input_.version;
    if (input_.previous != nullptr) {
      plan_->gates_made = input_.previous->gates_made;
      for (const Service& before : input_.previous->services) {
        gates_before_[before.name] = before.gate.get();
      }
    }
    plan_->fingerprint_seed = hash::derive_key(input_.secret, "fingerprints");
    plan_->tunnel_seed = hash::derive_key(input_.secret, "tunnels");
    plan_->cookie_seed = hash::derive_key(input_.secret, "SYN cookies");
    add_interfaces();
    add_routes();
    if (auto ok = add_pools(); !ok) {
      return tl::unexpected(ok.error());
    }
    if (auto ok = add_services(); !ok) {
      return tl::unexpected(ok.error());
    }
    keep_gates();
    plan_->routes.finish();
    std::sort(plan_->gate_ids.begin(), plan_->gate_ids.end());
    return std::shared_ptr<const Plan>(plan_);
  }

 private:
  static Result<std::uint32_t> slot(SlotMap& map, const char* what, const std::string& name) {
    if (const auto slot = map.acquire(name)) {
      return *slot;
    }
    return fail("{} {}: all {} slots are taken or wait for their last sessions to end", what, name, map.capacity());
  }

  void add_interface(const std::string& name, const model::Interface& from, std::uint16_t vlan, const net::Mac& mac,
                     std::uint16_t mtu, bool has_kernel) {
    const auto port = static_cast<std::uint16_t>(plan_->interfaces_of_port.size() - 1);
    plan_->interfaces_of_port.back().push_back(InterfaceIndex(static_cast<std::uint16_t>(plan_->interfaces.size())));
    plan_->interfaces.push_back({name, PortIndex(port), vlan, mtu, mac, from.addresses, from.transit, has_kernel});
    declared_.push_back(&from);
  }

  void add_interfaces() {
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

  void add_routes() {
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

  Result<Backend> backend(const std::string& pool, const std::string& name, const model::Backend& from,
                          const hash::Key& seed) {
    Backend to;
    to.name = pool + "/" + name;
    auto number = slot(slots_.backends, "backend", to.name);
    if (!number) {
      return tl::unexpected(number.error());
    }
    to.slot = BackendSlot(*number);
    to.name_hash = hash::keyed(seed, name);
    to.weight = from.weight;
    to.max_connections = from.max_connections;
    to.priority = from.priority;
    for (const net::Endpoint& endpoint : from.addresses) {
      const auto family = static_cast<std::size_t>(endpoint.address.family());
      to.endpoints[family] = endpoint;
      to.hops[family] = plan_->routes.find(endpoint.address);
    }
    return to;
  }

  /// Shared with the plan before where nothing that it is made of has changed.
  [[nodiscard]] std::shared_ptr<const hash::MaglevTable> maglev_table(const Pool& pool) const {
    std::vector<hash::MaglevCandidate> candidates;
    for (const Backend& backend : pool.backends) {
      candidates.push_back({backend.name_hash, backend.weight});
    }
    if (input_.previous != nullptr) {
      for (const Pool& before : input_.previous->pools) {
        if (before.name == pool.name && before.maglev != nullptr && before.maglev->candidates() == candidates) {
          return before.maglev;
        }
      }
    }
    return std::make_shared<const hash::MaglevTable>(pool.seed, std::move(candidates));
  }

  Result<void> add_pools() {
    for (const auto& [name, from] : model_.pools) {
      Pool pool;
      pool.name = name;
      pool.seed = hash::derive_key(input_.secret, "rendezvous " + name);
      pool.algorithm = from.algorithm;
      pool.min_active = from.min_active;
      for (const auto& [backend_name, declared] : from.backends) {
        auto made = backend(name, backend_name, declared, pool.seed);
        if (!made) {
          return tl::unexpected(made.error());
        }
        const BackendPlace place{static_cast<std::uint32_t>(plan_->pools.size()),
                                 static_cast<std::uint32_t>(pool.backends.size())};
        place_at(plan_->backend_of_slot, made->slot.value(), place, BackendPlace{});
        plan_->express.add_backend(*made, static_cast<std::uint32_t>(plan_->pools.size()));
        pool.by_name.add(made->name_hash, static_cast<std::uint32_t>(pool.backends.size()));
        pool.backends.push_back(std::move(*made));
      }
      std::set<std::uint8_t> priorities;
      for (const Backend& made : pool.backends) {
        priorities.insert(made.priority);
      }
      pool.priorities.assign(priorities.begin(), priorities.end());
      if (pool.algorithm == model::Algorithm::maglev) {
        pool.maglev = maglev_table(pool);
      }
      pool_index_[name] = static_cast<std::uint32_t>(plan_->pools.size());
      plan_->pools.push_back(std::move(pool));
    }
    return {};
  }

  template <class T>
  static void place_at(std::vector<T>& table, std::uint32_t at, const T& value, const T& empty) {
    if (table.size() <= at) {
      table.resize(at + 1, empty);
    }
    table[at] = value;
  }

  /// The service's profiles in order, each followed by its backups.
  std::vector<std::string> chain(const model::Service& service) const {
    std::vector<std::string> names;
    for (const std::string& first : service.persist) {
      for (std::string name = first; !name.empty(); name = model_.profiles.at(name).backup) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
          names.push_back(name);
        }
      }
    }
    return names;
  }

  Result<Persist> persist(const std::string& service, const std::string& pool, const std::string& name) {
    const model::Profile& from = model_.profiles.at(name);
    const std::string scope = from.scope == model::Scope::service ? fmt::format("{} of service {}", name, service)
                              : from.scope == model::Scope::pool  ? fmt::format("{} of pool {}", name, pool)
                                                                  : fmt::format("{} of all", name);
    auto number = slot(slots_.scopes, "profile", scope);
    if (!number) {
      return tl::unexpected(number.error());
    }
    Persist to;
    to.profile = name;
    to.type = from.type;
    to.name = from.name;
    to.by = from.by;
    to.delimiter = from.delimiter;
    to.scope = *number;
    to.reach = from.scope;
    to.prefix4 = from.prefix4;
    to.prefix6 = from.prefix6;
    to.idle_timeout_s = static_cast<std::uint32_t>(seconds(from.idle_timeout_ms, 0x7fffffff));
    to.max_life_s = from.max_life_ms == 0 ? 0 : static_cast<std::uint32_t>(seconds(from.max_life_ms, 0x7fffffff));
    to.max_records = from.max_records;
    to.max_imbalance = from.max_imbalance;
    to.on_down = from.on_down;
    to.on_drain = from.on_drain;
    to.on_return = from.on_return;
    to.on_full = from.on_full;
    to.heavy_key = from.heavy_key;
    to.override_limits = from.override_limits;
    return to;
  }

  static std::uint64_t seconds(std::uint64_t ms, std::uint64_t max) {
    return std::min<std::uint64_t>(std::max<std::uint64_t>((ms + 999) / 1000, 1), max);
  }

  /// Sweeps in a sixth of the time-out: late enough to cost little, early enough to be right.
  static std::uint32_t passes(std::uint32_t idle_timeout_s) {
    return std::clamp<std::uint32_t>(idle_timeout_s / 6 / sweep_pass_s, 1, record_passes_max);
  }

  /// Errors about tunnel packets come back to their source: it is Limpet's own, also on the link it belongs to.
  void add_tunnel_source(const net::IpAddress& source) {
    if (plan_->owns(source)) {
      return;
    }
    plan_->own_addresses.add(source, 1);
    for (Interface& interface : plan_->interfaces) {
      const auto& own = interface.addresses;
      if (std::any_of(own.begin(), own.end(), [&](const net::Prefix& prefix) { return prefix.contains(source); })) {
        interface.addresses.push_back(net::Prefix::host(source));
        return;
      }
    }
  }

  void add_tunnel(Service& service, const model::Service& from) {
    service.forwarding = from.forwarding;
    service.max_mss = from.max_mss;
    service.window_scale = from.window_scale;
    service.inspect_delay_ms = static_cast<std::uint32_t>(from.inspect_delay_ms);
    service.client_address = from.client_address;
    if (!service.tunnels()) {
      return;
    }
    plan_->has_tunnels = true;
    Tunnel& tunnel = service.tunnel;
    tunnel.encap = from.forwarding == model::Forwarding::ipip  ? net::Encap::ipip
                   : from.forwarding == model::Forwarding::gre ? net::Encap::gre
                                                               : net::Encap::gue;
    tunnel.ttl = from.tunnel.ttl;
    tunnel.copies_dont_fragment = from.tunnel.dont_fragment == model::DontFragment::copy;
    tunnel.l4_port = tunnel.encap == net::Encap::gue ? from.tunnel.l4_port : std::uint16_t{0};
    for (const net::IpAddress& source : from.tunnel.sources) {
      tunnel.sources[static_cast<std::size_t>(source.family())].push_back(source);
      add_tunnel_source(source);
    }
  }

  Result<void> add_services() {
    for (const auto& [name, from] : model_.services) {
      Service service;
      service.name = name;
      service.echo = from.echo;
      add_local_addresses(from, service);
      add_tunnel(service, from);
      service.pool = pool_index_.at(from.pool);
      service.record_passes = record_passes_max;
      service.flows_on_down = from.flows_on_down;
      service.flows_on_drain_end = from.flows_on_drain_end;
      service.gate = gate(name, from);
      for (const std::string& profile : chain(from)) {
        auto made = persist(name, from.pool, profile);
        if (!made) {
          return tl::unexpected(made.error());
        }
        const ScopeUse use{static_cast<std::uint32_t>(plan_->services.size()),
                           static_cast<std::uint32_t>(service.persist.size())};
        place_at(plan_->scopes, made->scope, use, ScopeUse{});
        service.record_passes = std::min(service.record_passes, passes(made->idle_timeout_s));
        service.reads_content = service.reads_content || model::is_content(made->type);
        service.splits = service.splits || made->heavy_key == model::HeavyKey::split;
        service.persist.push_back(std::move(*made));
      }
      const auto limit = [](std::uint64_t ms) {
        return static_cast<std::uint16_t>(seconds(ms, flow_timeout_max_ms / 1000));
      };
      service.timeouts = {limit(from.timeouts.embryonic_ms), limit(from.timeouts.established_ms),
                          limit(from.timeouts.closing_ms), limit(from.timeouts.udp_ms),
                          from.timeouts.local_port_ms == 0 ? std::uint16_t{0} : limit(from.timeouts.local_port_ms)};
      plan_->services.push_back(std::move(service));
      for (const model::Listen& listen : from.listen) {
        if (auto ok = add_listener(name, listen, from.syn_proxy); !ok) {
          return ok;
        }
      }
    }
    return {};
  }

  void add_local_addresses(const model::Service& from, Service& service) {
    for (const net::Prefix& prefix : from.local_addresses) {
      auto& locals = service.locals[static_cast<std::size_t>(prefix.address.family())];
      const unsigned bits = (prefix.address.is_v4() ? 32u : 128u) - prefix.length;
      for (std::uint32_t i = 0; i < 1u << bits; ++i) {
        const IpAddress address = prefix.address.plus(i);
        if (std::find(locals.begin(), locals.end(), address) == locals.end()) {
          locals.push_back(address);
          plan_->fronts.add_local(address);
        }
      }
    }
  }

  std::shared_ptr<const Gate> gate(const std::string& name, const model::Service& service) {
    const auto before = gates_before_.find(name);
    auto made = make_gate(service, before == gates_before_.end() ? nullptr : before->second, plan_->gates_made);
    if (made != nullptr) {
      plan_->gate_ids.push_back(made->id);
    }
    return made;
  }

  /// Flows that were opened so go on, whatever the service says now.
  [[nodiscard]] bool has_spliced(ListenerSlot slot) const noexcept {
    const Listener* const before = input_.previous == nullptr ? nullptr : input_.previous->listener(slot);
    return before != nullptr && before->splices;
  }

  Result<void> add_listener(const std::string& service, const model::Listen& listen, bool syn_proxy) {
    auto number = slot(slots_.listeners, "service", fmt::format("{} {}", service, listen.text()));
    if (!number) {
      return tl::unexpected(number.error());
    }
    const auto index = static_cast<std::uint32_t>(plan_->listeners.size());
    if (!plan_->fronts.add_listener(listen, index)) {
      return fail("service {}: another service listens on {}", service, listen.text());
    }
    if (listen.prefix.is_host()) {
      plan_->vips.add(listen.prefix.address, plan_->services.back());
    }
    const bool exact = listen.prefix.is_host() && listen.l4_port != 0;
    const bool local = plan_->services.back().is_full_nat();
    plan_->listeners.push_back({ListenerSlot(*number), static_cast<std::uint32_t>(plan_->services.size() - 1), listen,
                                exact && !local && listen.prefix.address.is_v4(), local});
    Listener& made = plan_->listeners.back();
    made.delays = listen.protocol == net::Protocol::tcp && (syn_proxy || plan_->services.back().reads_content);
    made.splices = made.delays || has_spliced(made.slot);
    place_at(plan_->listener_of_slot, *number, index, ~0u);
    plan_->express.add_listener(plan_->listeners.back(), plan_->services.back());
    return add_endpoints(plan_->listeners.back(), index, exact);
  }

  /// Flows of listeners that are gone end one by one, each with its source's place.
  void keep_gates() {
    if (input_.previous == nullptr) {
      return;
    }
    const Plan& before = *input_.previous;
    const std::size_t slots = std::max(before.listener_of_slot.size(), before.gates_left.size());
    for (std::uint32_t i = 0; i < slots; ++i) {
      const ListenerSlot slot(i);
      const Listener* const listener = before.listener(slot);
      auto gate = listener != nullptr            ? before.service_of(*listener).gate
                  : i < before.gates_left.size() ? before.gates_left[i]
                                                 : nullptr;
      if (gate != nullptr && plan_->listener(slot) == nullptr) {
        place_at(plan_->gates_left, i, std::move(gate), {});
      }
    }
  }

  /// The addresses that this listener's backends answer from, when their answers pass here (nat).
  Result<void> add_endpoints(const Listener& listener, std::uint32_t index, bool exact) {
    const Service& service = plan_->services[listener.service];
    if (service.returns_directly()) {
      return {};
    }
    for (const Backend& backend : plan_->pools[service.pool].backends) {
      const auto family = service.family_towards(backend, listener.listen.prefix.address.family());
      const net::Endpoint endpoint = answering_endpoint(listener, backend.endpoint(family));
      if (endpoint.address.is_none()) {
        continue;
      }
      EndpointEntry& entry = plan_->fronts.endpoint(endpoint, listener.listen.protocol);
      if (!entry.slot.valid()) {
        auto number = slot(slots_.endpoints, "backend address",
                           fmt::format("{}/{}", endpoint.text(), static_cast<unsigned>(listener.listen.protocol)));
        if (!number) {
          return tl::unexpected(number.error());
        }
        entry.slot = EndpointSlot(*number);
        entry.only_listener = exact && !listener.local ? index : ~0u;
        plan_->express.add_endpoint(endpoint, listener.listen.protocol, entry.slot);
      } else if (entry.only_listener != index) {
        entry.only_listener = ~0u;
      }
    }
    return {};
  }

  const Input& input_;
  const model::Model& model_;
  Slots& slots_;
  std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::vector<const model::Interface*> declared_;  // by InterfaceIndex
  std::map<std::string, std::uint32_t> pool_index_;
  std::map<std::string, const Gate*> gates_before_;  // by service; null: it had none
};

}  // namespace

net::Endpoint answering_endpoint(const Listener& listener, const net::Endpoint& backend) noexcept {
  return {backend.address, backend.l4_port != 0 ? backend.l4_port : listener.listen.l4_port};
}

bool Interface::owns(const IpAddress& address) const noexcept {
  for (const net::Prefix& prefix : addresses) {
    if (prefix.address == address) {
      return true;
    }
  }
  return false;
}

Result<std::shared_ptr<const Plan>> compile(const Input& input, Slots& slots) {
  return Compiler(input, slots).run();
}

void keep_only_used(const Plan& plan, Slots& slots) {
  std::set<std::string> listeners, backends, endpoints, scopes;
  for (const Listener& listener : plan.listeners) {
    listeners.insert(slots.listeners.name(listener.slot.value()));
  }
  for (const Pool& pool : plan.pools) {
    for (const Backend& backend : pool.backends) {
      backends.insert(backend.name);
    }
  }
  plan.fronts.each_endpoint(
      [&](const EndpointEntry& entry) { endpoints.insert(slots.endpoints.name(entry.slot.value())); });
  for (std::uint32_t scope = 0; scope < plan.scopes.size(); ++scope) {
    if (plan.persist_of_scope(scope) != nullptr) {
      scopes.insert(slots.scopes.name(scope));
    }
  }
  slots.listeners.keep_only(listeners);
  slots.backends.keep_only(backends);
  slots.endpoints.keep_only(endpoints);
  slots.scopes.keep_only(scopes);
}

}  // namespace limpet::plan
