// The plan: what workers read. Compiled from the model by control, immutable, replaced whole.
// Slots (listeners, backends, endpoints, scopes) come from SlotMaps and keep their meaning from plan to plan.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/id.hpp"
#include "hash/keyed.hpp"
#include "hash/maglev.hpp"
#include "hash/owner.hpp"
#include "model/model.hpp"
#include "net/address.hpp"
#include "net/encap.hpp"
#include "plan/access_list.hpp"
#include "plan/express.hpp"
#include "plan/expressions.hpp"
#include "plan/front_table.hpp"
#include "plan/gate.hpp"
#include "plan/persist.hpp"
#include "plan/route_table.hpp"
#include "plan/routing.hpp"
#include "plan/vips.hpp"
#include "record/table.hpp"

namespace limpet::plan {

using net::Family;
using net::IpAddress;

/// An interface of Limpet's own: a NIC port (vlan 0) or a VLAN on it.
struct Interface {
  std::string name;  // "front", "back.100"
  PortIndex port;
  std::uint16_t vlan = 0;
  std::uint16_t mtu = 1500;
  net::Mac mac;
  std::vector<net::Prefix> addresses;
  model::Transit transit = model::Transit::drop;
  bool has_kernel = false;
  /// Own address of the family to speak from (ICMP errors, ARP/ND); the first configured. Null: none.
  [[nodiscard]] const IpAddress* own_address(Family family) const noexcept {
    for (const net::Prefix& own : addresses) {
      if (own.address.family() == family) {
        return &own.address;
      }
    }
    return nullptr;
  }
  [[nodiscard]] bool owns(const IpAddress& address) const noexcept;
};

struct Backend {
  BackendSlot slot;
  std::string name;                        // "pool/backend"
  std::uint64_t name_hash = 0;             // of the backend's own name: an input of the choice
  std::uint32_t weight = 1;                // declared
  std::uint32_t max_connections = 0;       // 0: no limit
  std::uint8_t priority = 0;               // 0 serves first
  std::array<net::Endpoint, 2> endpoints;  // by Family; address none: no address of that family
  std::array<std::optional<Hop>, 2> hops;  // by Family: where packets to it leave
  [[nodiscard]] const net::Endpoint& endpoint(Family family) const noexcept {
    return endpoints[static_cast<std::size_t>(family)];
  }
  [[nodiscard]] const std::optional<Hop>& hop(Family family) const noexcept {
    return hops[static_cast<std::size_t>(family)];
  }
};

struct Pool {
  std::string name;
  hash::Key seed;                                  // of (secret, pool name)
  std::vector<Backend> backends;                   // by name
  FlatMap<std::uint64_t, std::uint32_t> by_name;   // name_hash -> index
  FlatMap<std::uint64_t, std::uint32_t> by_v4;     // v4_word() of an address -> index; filled where clients name these
  FlatMap<std::uint64_t, std::uint32_t> by_token;  // its lower half -> index of the first that has it
  model::Algorithm algorithm = model::Algorithm::rendezvous;
  std::uint32_t min_active = 1;
  std::vector<std::uint8_t> priorities;             // in use, lowest first
  std::shared_ptr<const hash::MaglevTable> maglev;  // of `backends`; null: another algorithm
};

/// Endpoint slots that a node has room for.
inline constexpr std::uint32_t endpoint_slots_max = 1u << 20;

inline std::uint64_t v4_word(const net::Endpoint& endpoint) noexcept {
  return std::uint64_t{endpoint.address.v4_host()} << 16 | endpoint.l4_port;
}

/// What rules the records of one scope; `persist` of a scope that no service of this plan uses is null.
struct ScopeUse {
  std::uint32_t service = ~0u;       // index in Plan::services: one of those that use it
  std::uint32_t branch = Rule::own;  // index in Routing::branches, or the service's own pool
  std::uint32_t persist = 0;         // index in its profiles
};

struct Timeouts {
  std::uint16_t embryonic_s, established_s, closing_s, udp_s;
  std::uint16_t local_port_s;  // 0: a local port may be used again at once
};

/// A sweep over all flows takes so long.
inline constexpr std::uint32_t sweep_pass_s = 10;

/// Outer headers of what a service sends to its backends.
struct Tunnel {
  net::Encap encap = net::Encap::ipip;
  std::array<std::vector<IpAddress>, 2> sources;  // by outer family; empty: the outgoing interface's own address
  std::uint8_t ttl = 64;
  bool copies_dont_fragment = false;
  std::uint16_t l4_port = 0;  // gue
};

struct Service {
  std::string name;
  model::Forwarding forwarding = model::Forwarding::nat;
  model::Echo echo = model::Echo::always;
  std::array<std::vector<IpAddress>, 2> locals;  // full_nat: local addresses, by Family
  model::ClientAddress client_address = model::ClientAddress::none;
  Tunnel tunnel;
  std::uint16_t max_mss = 0;  // 0: none
  std::uint8_t window_scale = 7;
  std::uint32_t inspect_delay_ms = 0;
  bool reads_content = false;              // its profiles, routes or fronts do
  bool reads_requests = false;             // all of a connection: one of its profiles closes on conflict
  bool reads_replies = false;              // heads of HTTP: one of its profiles learns of them, or rewrites
  bool reads_hellos = false;               // one of its profiles learns of ServerHellos
  std::uint16_t reply_room = 0;            // bytes that a backend leaves in each segment for the line of a cookie
  std::uint32_t pool = 0;                  // index in Plan::pools
  std::vector<Persist> persist;            // in order: the first that yields a key wins; backups follow their profile
  std::shared_ptr<const Routing> routing;  // to other pools; null: none
  AccessList fronts;                       // whose connections begin with a PROXY header, with `has_fronts`
  bool has_fronts = false;
  /// Promise, packed, to clients whose SYNs Limpet answers. writer: control; readers: workers
  std::shared_ptr<std::atomic<std::uint32_t>> promise;
  bool splits = false;  // one of them spreads heavy keys
  model::LiveFlows flows_on_down = model::LiveFlows::keep;
  model::LiveFlows flows_on_drain_end = model::LiveFlows::keep;
  Timeouts timeouts{};
  std::shared_ptr<const Gate> gate;                // what new flows must pass; null: nothing
  std::shared_ptr<const Expressions> expressions;  // null: none
  std::uint32_t record_passes = 1;                 // a live flow tells its record of its use in one of so many sweeps

  [[nodiscard]] bool is_full_nat() const noexcept { return forwarding == model::Forwarding::full_nat; }
  [[nodiscard]] bool tunnels() const noexcept { return model::tunnels(forwarding); }
  [[nodiscard]] bool returns_directly() const noexcept { return model::returns_directly(forwarding); }
  /// The family of the address that a backend is spoken to at for a client: the client's own where that can be; with
  /// full NAT and tunnels the other where only that can be.
  [[nodiscard]] Family family_towards(const Backend& backend, Family client) const noexcept {
    const Family other = client == Family::v4 ? Family::v6 : Family::v4;
    const bool either = is_full_nat() || tunnels();
    return either && !reaches(backend, client) && reaches(backend, other) ? other : client;
  }
  [[nodiscard]] bool reaches(const Backend& backend, Family family) const noexcept {
    return !backend.endpoint(family).address.is_none() &&
           (!is_full_nat() || !locals[static_cast<std::size_t>(family)].empty());
  }

  /// Calls `f(pool index, profiles)` for its own pool and all that it leads to.
  template <class F>
  void each_branch(F&& f) const {
    f(pool, persist);
    for (const Branch& branch : routing == nullptr ? std::span<const Branch>{} : std::span(routing->branches)) {
      f(branch.pool, branch.persist);
    }
  }
  /// Its profiles as it uses them in that one of its pools.
  [[nodiscard]] const std::vector<Persist>& profiles_in(std::uint32_t index) const noexcept {
    for (const Branch& branch : routing == nullptr ? std::span<const Branch>{} : std::span(routing->branches)) {
      if (branch.pool == index) {
        return branch.persist;
      }
    }
    return persist;
  }
  /// The connections of one of its clients may have a backend of this pool.
  [[nodiscard]] bool leads_to(std::uint32_t index) const noexcept {
    bool found = false;
    each_branch([&](std::uint32_t one, const auto&) { found = found || one == index; });
    return found;
  }

  /// Something of what is said on spliced connections is changed or followed, but for numbers.
  [[nodiscard]] bool edits() const noexcept {
    return reads_requests || reads_replies || reads_hellos || reply_room != 0;
  }
  /// Live TCP connections may be reset for their backend's state.
  [[nodiscard]] bool resets() const noexcept {
    return flows_on_down == model::LiveFlows::reset || flows_on_drain_end == model::LiveFlows::reset;
  }
};

/// One listen address of a service.
struct Listener {
  ListenerSlot slot;
  std::uint32_t service = 0;  // index in Plan::services
  model::Listen listen;
  bool narrow = false;   // IPv4 host VIP and one port: its flows have narrow keys
  bool local = false;    // full NAT: backends see local addresses in place of clients
  bool delays = false;   // Limpet completes clients' handshakes itself
  bool splices = false;  // some of its flows may have been opened so: this plan's or one's before
};

/// The address and port that a backend answers this listener's clients from; port 0: the one they asked for.
[[nodiscard]] net::Endpoint answering_endpoint(const Listener& listener, const net::Endpoint& backend) noexcept;

/// Where a backend slot is found in this plan.
struct BackendPlace {
  std::uint32_t pool = ~0u;
  std::uint32_t index = 0;
};

struct Plan {
  std::uint64_t version = 0;
  std::vector<Interface> interfaces;
  std::vector<Service> services;
  std::vector<Pool> pools;
  /// Of all profiles of the model.
  std::map<std::string, std::shared_ptr<ProfileUse>> profile_uses;
  std::vector<Listener> listeners;                      // in order of the model
  std::vector<std::uint32_t> listener_of_slot;          // slot -> index in listeners, ~0: not in this plan
  std::vector<BackendPlace> backend_of_slot;            // slot -> place
  std::vector<ScopeUse> scopes;                         // by scope slot
  hash::Key fingerprint_seed;                           // of keys that do not fit into a record
  hash::Key tunnel_seed;                                // of what outer headers show of a flow
  hash::Key cookie_seed;                                // of SYN cookies
  std::shared_ptr<Scratches> scratches;                 // by worker; null: no service has expressions
  std::int64_t unix_at_zero_s = 0;                      // wall clock when the data path's was 0
  std::uint32_t cookie_epoch = 0;                       // whose keys own tokens are made with
  bool has_tunnels = false;                             // some service has
  FrontTable fronts;                                    // destination -> listener; source -> endpoint
  Vips vips;                                            // what their services say together
  std::vector<std::uint32_t> gate_ids;                  // of the services' gates, in order
  std::uint32_t gates_made = 0;                         // with all plans before
  std::vector<std::shared_ptr<const Gate>> gates_left;  // by the slot of a listener that is gone
  Express express;                                      // the same, and interfaces, for packets of known flows
  RouteTable routes;
  std::vector<std::vector<InterfaceIndex>> interfaces_of_port;  // by PortIndex
  FlatMap<IpAddress, std::uint8_t> own_addresses;               // of all interfaces

  [[nodiscard]] bool owns(const IpAddress& address) const noexcept { return own_addresses.find(address) != nullptr; }

  [[nodiscard]] const Listener* listener(ListenerSlot slot) const noexcept {
    if (slot.value() >= listener_of_slot.size() || listener_of_slot[slot.value()] == ~0u) {
      return nullptr;
    }
    return &listeners[listener_of_slot[slot.value()]];
  }
  /// What the flows of a listener that is gone had to pass, or null.
  [[nodiscard]] const Gate* gate_left(ListenerSlot slot) const noexcept {
    return slot.value() < gates_left.size() ? gates_left[slot.value()].get() : nullptr;
  }
  [[nodiscard]] const Backend* backend(BackendSlot slot) const noexcept {
    if (slot.value() >= backend_of_slot.size() || backend_of_slot[slot.value()].pool == ~0u) {
      return nullptr;
    }
    const auto place = backend_of_slot[slot.value()];
    return &pools[place.pool].backends[place.index];
  }
  [[nodiscard]] const Service& service_of(const Listener& listener) const noexcept {
    return services[listener.service];
  }
  /// The profile that made the records of a scope, or null.
  [[nodiscard]] const Persist* persist_of_scope(std::uint32_t scope) const noexcept {
    if (scope >= scopes.size() || scopes[scope].service == ~0u) {
      return nullptr;
    }
    const ScopeUse& use = scopes[scope];
    const Service& service = services[use.service];
    return &(use.branch == Rule::own ? service.persist : service.routing->branches[use.branch].persist)[use.persist];
  }
  /// What the worker of that index, which alone may ask, scans in; null: nothing is to be scanned for.
  [[nodiscard]] match::Scratch* scratch_of(unsigned worker) const noexcept {
    return scratches == nullptr || worker >= scratches->size() ? nullptr : &(*scratches)[worker];
  }
  [[nodiscard]] const Pool& pool_of(const Service& service) const noexcept { return pools[service.pool]; }
  /// The profiles that the service asks for connections which this backend has.
  [[nodiscard]] const std::vector<Persist>& profiles_with(const Service& service,
                                                          const Backend& backend) const noexcept {
    return service.profiles_in(backend_of_slot[backend.slot.value()].pool);
  }
  /// That of the service's pools which has this backend; its own when none has.
  [[nodiscard]] const Pool& pool_having(const Service& service, BackendSlot slot) const noexcept {
    const std::uint32_t index = slot.value() < backend_of_slot.size() ? backend_of_slot[slot.value()].pool : ~0u;
    return pools[index != ~0u && service.leads_to(index) ? index : service.pool];
  }
};

}  // namespace limpet::plan
