// The declared configuration, as values: what the file says, checked and with defaults filled in.
// Made by model/load.hpp, compiled to a plan by plan/compile.hpp. Map order (by name) is the order of indices.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hpp"

namespace limpet::model {

using net::Endpoint;
using net::IpAddress;
using net::Mac;
using net::Prefix;

enum class Idle : std::uint8_t { poll, sleep };
enum class Side : std::uint8_t { clients, backends, both };
enum class Rss : std::uint8_t { automatic, spread, software };
enum class Transit : std::uint8_t { kernel, route, drop };
enum class ProfileType : std::uint8_t {
  source_ip,
  source_ip_port,
  destination_ip,
  source_destination,
  five_tuple,
  none,  // yields no key
  // what a client says first, over TCP:
  cookie,
  header,
  url_param,
  path,
  host,
  tls_sni,
  tls_session_id,
  tls_ticket,
  rdp_mstshash,
  rdp_msts,
  mqtt_client_id,
  x_forwarded_for,
  universal
};
/// It lies in what a client says, not in addresses and ports.
constexpr bool is_content(ProfileType type) noexcept {
  return type >= ProfileType::cookie;
}
/// How a value of the content leads to a backend: a record remembers which; it names it; it is hashed; it is a token of
/// Limpet's own, which takes the place of what a backend sends for it (rewrite), or is put into the response (insert).
enum class By : std::uint8_t { record, route, hash, rewrite, insert };
/// As in the file.
std::string_view by_name(By by) noexcept;
constexpr bool by_own_token(By by) noexcept {
  return by >= By::rewrite;
}
enum class SameSite : std::uint8_t { lax, strict, none, unset };
enum class OnDown : std::uint8_t { reselect, reset, hold };
enum class OnDrain : std::uint8_t { keep, expire };
enum class OnReturn : std::uint8_t { stay, return_ };
enum class OnFull : std::uint8_t { algorithm, evict_oldest, refuse };
enum class HeavyKey : std::uint8_t { stay, split };
enum class LiveFlows : std::uint8_t { keep, reset };
enum class Scope : std::uint8_t { service, pool, global };
enum class Algorithm : std::uint8_t { rendezvous, maglev, least_connections, weighted_round_robin, random_two };
enum class MonitorType : std::uint8_t { tcp, http };
enum class AdminState : std::uint8_t { enabled, drain, offline };
enum class Echo : std::uint8_t { always, healthy, never };
enum class Forwarding : std::uint8_t { nat, dr, full_nat, ipip, gre, gue };
/// As in the file.
std::string_view forwarding_name(Forwarding forwarding) noexcept;
/// The packet goes on whole, within another.
constexpr bool tunnels(Forwarding forwarding) noexcept {
  return forwarding >= Forwarding::ipip;
}
/// Answers go straight to the client.
constexpr bool returns_directly(Forwarding forwarding) noexcept {
  return forwarding == Forwarding::dr || tunnels(forwarding);
}
enum class DontFragment : std::uint8_t { set, copy };
/// How backends that see a local address are told the client's.
enum class ClientAddress : std::uint8_t { none, proxy_v2, toa };

struct Daemon {
  std::string socket = "/run/limpet/limpetd.sock";
  std::string state_dir = "/var/lib/limpet";
  std::string tables = "/dev/hugepages/limpet";
  std::string secret_file = "/etc/limpet/secret";
  std::vector<unsigned> workers = {0};  // CPU of each worker
  Idle idle = Idle::poll;
  bool time_devices = false;
  std::vector<std::string> eal;
  bool operator==(const Daemon&) const = default;
};

struct Limits {
  std::uint64_t flows_max = 1'000'000;  // per worker
  std::uint64_t records_max = 4'000'000;
  std::uint64_t held_max_bytes = 64ULL << 20;
  std::uint32_t fragments_max = 4096;      // per worker
  std::uint32_t fragments_held_max = 256;  // per worker
  std::uint64_t fragment_timeout_ms = 3000;
  std::uint32_t delayed_max = 4096;      // per worker
  std::uint32_t icmp_errors_max = 1000;  // per worker and second
  std::uint64_t embryonic_max = 0;       // per worker; 0: a sixteenth of flows_max
  std::uint32_t sources_max = 65536;     // per worker: sources whose limits are watched
  bool operator==(const Limits&) const = default;
};

struct Route {
  Prefix to;
  std::vector<IpAddress> via;  // of several each flow has its own
  bool operator==(const Route&) const = default;
};

/// What a port and a VLAN on it share: an interface of Limpet's own.
struct Interface {
  std::optional<Mac> mac;         // the device's own otherwise; a VLAN's is its port's
  std::vector<Prefix> addresses;  // own addresses, with the length of the connected network
  std::map<IpAddress, Mac> neighbors;
  std::vector<Route> routes;
  Side side = Side::both;
  Transit transit = Transit::drop;
  std::string kernel;  // device of the exception path; empty: none
  bool operator==(const Interface&) const = default;
};

struct Port : Interface {
  std::string device;
  std::uint16_t mtu = 1500;
  Rss rss = Rss::automatic;
  std::vector<std::string> members;          // devices that `device`, a bonding one, joins
  std::map<std::uint16_t, Interface> vlans;  // by VLAN id, 1..4094
  bool operator==(const Port&) const = default;
};

/// Attributes of a cookie that Limpet sets (RFC 6265, section 4.1.2).
struct SetCookie {
  std::string path = "/";
  std::string domain;            // empty: none
  std::uint64_t max_age_ms = 0;  // 0: for as long as the browser runs
  bool secure = false;
  bool http_only = true;
  SameSite same_site = SameSite::lax;
  bool operator==(const SetCookie&) const = default;
};

struct Profile {
  ProfileType type = ProfileType::source_ip;
  std::string name{};              // of the cookie, header or parameter
  By by = By::record;              // of content
  std::string delimiter{};         // route: the backend's name follows the last one; empty: it is the whole value
  bool learn = true;               // record of a cookie, header or session id: what responses give is remembered
  bool close_on_conflict = false;  // a later request on a connection that names another backend ends it
  SetCookie set_cookie{};          // insert
  std::uint16_t part = 0;          // header: of what delimiters part, path: of its segments; 0: all
  std::uint16_t prefix_bytes = 0;  // path: only so many; 0: all
  std::vector<Prefix> trusted{};   // x_forwarded_for: whose word counts
  std::string after{};             // universal: what stands before the value
  std::string until{};             // universal: what ends it; see byte_class.hpp
  std::uint16_t max_bytes = 256;   // universal: a longer value is cut
  std::uint8_t prefix4 = 32;
  std::uint8_t prefix6 = 64;
  std::uint64_t idle_timeout_ms = 30ULL * 60 * 1000;
  OnDown on_down = OnDown::reselect;
  OnDrain on_drain = OnDrain::keep;
  OnReturn on_return = OnReturn::stay;
  Scope scope = Scope::service;
  std::uint64_t max_life_ms = 0;  // 0: none
  std::uint64_t max_records = 0;  // 0: what the table holds
  OnFull on_full = OnFull::algorithm;
  std::uint32_t max_imbalance = 0;  // thousandths of a fair share; 0: none
  HeavyKey heavy_key = HeavyKey::stay;
  bool override_limits = false;  // a session with a record may go over its backend's max_connections
  std::string backup{};          // profile that is asked when this one yields no key
  bool operator==(const Profile&) const = default;
};

struct Monitor {
  MonitorType type = MonitorType::tcp;
  std::string path = "/";     // http only
  std::string host;           // http only: the Host header; empty: the backend's address
  std::uint16_t l4_port = 0;  // 0: the backend's
  std::uint64_t interval_ms = 1000;
  std::uint64_t timeout_ms = 500;
  unsigned rise = 2;
  unsigned fall = 2;
  bool operator==(const Monitor&) const = default;
};

struct Backend {
  std::vector<Endpoint> addresses;         // at most one per family; l4_port 0: the client's destination port is kept
  std::uint32_t weight = 1;                // 0: no new sessions by the algorithm
  AdminState state = AdminState::enabled;  // at creation; later the CLI's word counts
  std::uint32_t max_connections = 0;       // 0: no limit
  std::uint8_t priority = 0;               // 0 serves first, the next when too few of it can
  bool operator==(const Backend&) const = default;
};

/// Health as the data path sees it: connections refused or unanswered.
struct Passive {
  unsigned failures = 0;  // in a row that take a backend down; 0: off
  std::uint64_t retry_ms = 10'000;
  bool operator==(const Passive&) const = default;
};

struct Pool {
  Algorithm algorithm = Algorithm::rendezvous;
  std::uint64_t slow_start_ms = 0;  // 0: none
  unsigned min_active = 1;          // with fewer able backends of a priority the next one serves too
  Passive passive;
  std::vector<Monitor> monitors;  // all must pass; none: always up
  std::map<std::string, Backend> backends;
  bool operator==(const Pool&) const = default;
};

struct Listen {
  Prefix prefix;              // the VIP, a host prefix in the common case
  std::uint16_t l4_port = 0;  // 0: any ("*")
  net::Protocol protocol = net::Protocol::tcp;
  auto operator<=>(const Listen&) const = default;
  /// As in the file: "192.0.2.10:80/tcp", "[2001:db8::10]:*/udp", "192.0.2.0/24:80/tcp".
  [[nodiscard]] std::string text() const;
};

/// Idle time after which a flow ends, by its state.
struct Timeouts {
  std::uint64_t embryonic_ms = 10'000;
  std::uint64_t established_ms = 3ULL * 3600 * 1000;
  std::uint64_t closing_ms = 10'000;
  std::uint64_t udp_ms = 2ULL * 60 * 1000;
  std::uint64_t local_port_ms = 60ULL * 1000;  // full_nat: of a local port, after its flow's end
  bool operator==(const Timeouts&) const = default;
};

/// What the clients of one prefix may do at a service; 0 is no limit.
struct SourceLimits {
  std::uint8_t prefix4 = 32;
  std::uint8_t prefix6 = 64;
  std::uint32_t new_flows_per_s = 0;
  std::uint32_t burst = 0;        // 0: as many as in a second
  std::uint32_t connections = 0;  // live flows
  bool operator==(const SourceLimits&) const = default;
};

/// What a service takes of new flows; 0 is no limit.
struct ServiceLimits {
  std::uint32_t new_flows_per_s = 0;
  std::uint32_t burst = 0;  // 0: as many as in a second
  SourceLimits per_source;
  bool operator==(const ServiceLimits&) const = default;
};

/// Outer headers of ipip, gre and gue.
struct Tunnel {
  std::vector<IpAddress> sources;  // picked per flow; none of the family: the outgoing interface's own address
  std::uint8_t ttl = 64;
  DontFragment dont_fragment = DontFragment::set;
  std::uint16_t l4_port = 6080;  // gue: where backends listen
  bool operator==(const Tunnel&) const = default;
};

/// What a connection to a service is for, by one thing that its client says, and the pool that serves that.
struct PoolRoute {
  std::string host{};  // "www.example.org", "*.example.org"
  std::string path{};  // as it begins
  std::string sni{};   // as host
  std::string host_regex{}, path_regex{}, sni_regex{};
  std::string pool{};
  bool operator==(const PoolRoute&) const = default;
  /// "host", "path_regex"; empty when there is not exactly one.
  [[nodiscard]] std::string_view what() const noexcept;
  /// Its value.
  [[nodiscard]] const std::string& value() const noexcept;
};

struct Service {
  std::vector<Listen> listen;
  Forwarding forwarding = Forwarding::nat;
  Echo echo = Echo::always;             // whether its VIPs answer ping
  std::vector<Prefix> local_addresses;  // full_nat: what backends see in place of clients
  ClientAddress client_address = ClientAddress::none;
  Tunnel tunnel;
  std::uint16_t max_mss = 0;  // that TCP SYNs may ask for; 0: what they do
  bool syn_proxy = false;     // clients' handshakes are Limpet's; only who completes one is seen by a backend
  /// For what a client says first, where that must be known. Where its SYN was lost, and then that, it comes again
  /// after 3 s (RFC 6298, section 5.7), which the default must outlast.
  std::uint64_t inspect_delay_ms = 5000;
  std::uint8_t window_scale = 7;  // that Limpet offers in such handshakes
  std::string pool;
  std::vector<PoolRoute> routes;                   // to other pools: the first that fits
  std::vector<Prefix> accept_proxy;                // fronts whose connections begin with a PROXY protocol header
  std::vector<std::string> persist;                // names of profiles: the first that yields a key wins
  LiveFlows flows_on_down = LiveFlows::keep;       // live TCP connections of a backend that goes down
  LiveFlows flows_on_drain_end = LiveFlows::keep;  // ... whose drain ends, or that is taken offline
  Timeouts timeouts;
  std::vector<Prefix> allow;  // clients that may open flows; empty: all
  std::vector<Prefix> deny;   // clients that may not; the longest prefix of both lists counts
  ServiceLimits limits;
  bool operator==(const Service&) const = default;
};

struct Model {
  Daemon limpetd;
  Limits limits;
  std::map<std::string, Port> ports;
  std::map<std::string, Profile> profiles;
  std::map<std::string, Pool> pools;
  std::map<std::string, Service> services;
  bool operator==(const Model&) const = default;
};

}  // namespace limpet::model
