// The table of the configuration: every key, its type, bounds and help, and the member it fills.
// Defaults are the model's own (model.hpp).
#include "model/fields.hpp"

#include <array>

#include "base/id.hpp"
#include "base/time.hpp"
#include "model/bind.hpp"

namespace limpet::model {
namespace {

using bind::section;
using bind::table;
using bind::value;
using Words = std::span<const std::string_view>;

constexpr std::uint64_t text_max = 4096;
constexpr std::uint64_t second = 1000;
constexpr std::uint64_t hour = 3600 * second;
constexpr std::uint64_t day = 24 * hour;

constexpr std::array<std::string_view, 2> idle_words{"poll", "sleep"};
constexpr std::array<std::string_view, 3> side_words{"clients", "backends", "both"};
constexpr std::array<std::string_view, 3> rss_words{"auto", "spread", "software"};
constexpr std::array<std::string_view, 3> transit_words{"kernel", "route", "drop"};
constexpr std::array<std::string_view, 14> profile_type_words{
    "source_ip", "source_ip_port", "destination_ip", "source_destination", "five_tuple",
    "none",      "cookie",         "header",         "url_param",          "path",
    "host",      "tls_sni",        "tls_session_id", "tls_ticket"};
constexpr std::array<std::string_view, 3> by_words{"record", "route", "hash"};
constexpr std::array<std::string_view, 3> on_down_words{"reselect", "reset", "hold"};
constexpr std::array<std::string_view, 2> on_drain_words{"keep", "expire"};
constexpr std::array<std::string_view, 3> scope_words{"service", "pool", "global"};
constexpr std::array<std::string_view, 5> algorithm_words{"rendezvous", "maglev", "least_connections",
                                                          "weighted_round_robin", "random_two"};
constexpr std::array<std::string_view, 2> on_return_words{"stay", "return"};
constexpr std::array<std::string_view, 3> on_full_words{"algorithm", "evict_oldest", "refuse"};
constexpr std::array<std::string_view, 2> heavy_key_words{"stay", "split"};
constexpr std::array<std::string_view, 2> live_flows_words{"keep", "reset"};
constexpr std::array<std::string_view, 2> monitor_type_words{"tcp", "http"};
constexpr std::array<std::string_view, 3> state_words{"enabled", "drain", "offline"};
constexpr std::array<std::string_view, 3> echo_words{"always", "healthy", "never"};
constexpr std::array<std::string_view, 6> forwarding_words{"nat", "dr", "full_nat", "ipip", "gre", "gue"};
constexpr std::array<std::string_view, 2> dont_fragment_words{"set", "copy"};
constexpr std::array<std::string_view, 3> client_address_words{"none", "proxy_v2", "toa"};

// Rows, named by what they hold; the section is filled in later.
Row text(std::string_view name, std::string_view help) {
  return {.name = name, .kind = Kind::text, .min = 1, .max = text_max, .help = help};
}
Row number(std::string_view name, std::uint64_t min, std::uint64_t max, std::string_view help) {
  return {.name = name, .kind = Kind::integer, .min = min, .max = max, .help = help};
}
Row duration(std::string_view name, std::uint64_t min, std::uint64_t max, std::string_view help) {
  return {.name = name, .kind = Kind::duration, .min = min, .max = max, .help = help};
}
Row word(std::string_view name, Words words, std::string_view help) {
  return {.name = name, .kind = Kind::word, .words = words, .help = help};
}
Row row(Kind kind, std::string_view name, std::string_view help) {
  return {.name = name, .kind = kind, .help = help};
}

Row required(Row row) {
  row.required = true;
  return row;
}
Row restart(Row row) {
  row.needs_restart = true;
  return row;
}
Row many(Many many, Row row) {
  row.many = many;
  return row;
}

/// A map's keys: `name` stands for one in section paths.
Field keyed(Row key, Field field) {
  field.row.many = Many::map;
  field.key = std::move(key);
  return field;
}

const Section& limpetd_section() {
  static const Section result = section<Daemon>(
      "limpetd",
      {value<Daemon, &Daemon::socket>(
           restart(text("socket", "Unix socket of the daemon, which limpetctl connects to."))),
       value<Daemon, &Daemon::state_dir>(
           restart(text("state_dir", "Directory of what the command line set, such as the state of backends."))),
       value<Daemon, &Daemon::tables>(
           restart(text("tables", "Directory of the flow and record tables: hugetlbfs or tmpfs; a disk is refused."))),
       value<Daemon, &Daemon::secret_file>(restart(text(
           "secret_file", "File of 32 bytes, made at first start; must be equal on all nodes that share clients."))),
       value<Daemon, &Daemon::workers>(
           restart(many(Many::list, number("workers", 0, 1023, "The CPU of each worker; repeats are allowed.")))),
       value<Daemon, &Daemon::idle>(restart(
           word("idle", idle_words, "What a worker without packets does: poll on, or sleep at most 100 us a turn."))),
       value<Daemon, &Daemon::eal>(
           restart(many(Many::list, text("eal", "Arguments for DPDK's environment layer, one a string."))))});
  return result;
}

const Section& limits_section() {
  static const Section result = section<Limits>(
      "limits",
      {value<Limits, &Limits::flows_max>(restart(number("flows_max", 64, 1'000'000'000, "Flows of one worker."))),
       value<Limits, &Limits::records_max>(
           restart(number("records_max", 64, 4'000'000'000, "Persistence records of the node."))),
       value<Limits, &Limits::held_max_bytes>(restart({.name = "held_max",
                                                       .kind = Kind::size,
                                                       .min = 0,
                                                       .max = 1ULL << 40,
                                                       .help = "Memory for packets that wait."})),
       value<Limits, &Limits::fragments_max>(restart(number(
           "fragments_max", 64, 1'000'000, "Datagrams of one worker whose fragments are under way at one time."))),
       value<Limits, &Limits::fragments_held_max>(restart(
           number("fragments_held_max", 0, 65536, "Fragments of one worker that wait for their datagram's first."))),
       value<Limits, &Limits::fragment_timeout_ms>(restart(duration(
           "fragment_timeout", 100, 60 * second, "How long fragments wait, and a datagram's are looked for."))),
       value<Limits, &Limits::icmp_errors_max>(
           restart(number("icmp_errors_max", 0, 1'000'000, "ICMP errors that one worker makes in a second."))),
       value<Limits, &Limits::embryonic_max>(
           restart(number("embryonic_max", 0, 1'000'000'000,
                          "Flows of one worker whose client has not shown its address yet, which is what a SYN flood "
                          "makes; they displace each other only. 0: a sixteenth of flows_max."))),
       value<Limits, &Limits::sources_max>(
           restart(number("sources_max", 64, 1'000'000'000,
                          "Sources of one worker that limits.per_source of all services can tell apart at a time.")))});
  return result;
}

const Section& route_section(bool vlan) {
  static const auto make = [](std::string_view path) {
    return section<Route>(
        path,
        {value<Route, &Route::to>(
             required(row(Kind::prefix, "to", "Destination; \"0.0.0.0/0\" and \"::/0\" are the default routes."))),
         value<Route, &Route::via>(required(many(
             Many::one_or_list,
             row(Kind::address, "via",
                 "Next hop on this interface's network; of several each flow has its own, while that answers."))))});
  };
  static const Section port_route = make("ports.NAME.routes");
  static const Section vlan_route = make("ports.NAME.vlans.ID.routes");
  return vlan ? vlan_route : port_route;
}

template <class S>
std::vector<Field> interface_fields(bool vlan) {
  return {
      value<S, &S::addresses>(many(
          Many::list, row(Kind::prefix, "addresses", "Limpet's own addresses here, with the length of the network."))),
      keyed(
          {.name = "ADDRESS", .kind = Kind::address},
          value<S, &S::neighbors>(row(Kind::mac, "neighbors", "Static neighbours: address = MAC, beside ARP and ND."))),
      table<S, &S::routes>(many(Many::list, row(Kind::table, "routes", "Routes that leave here.")),
                           route_section(vlan)),
      value<S, &S::side>(
          restart(word("side", side_words, "Who is on this side: a hint for spreading packets over workers."))),
      value<S, &S::transit>(word("transit", transit_words, "What happens to packets that belong to no service.")),
  };
}

const Section& vlan_section() {
  static const Section result = section<Interface>("ports.NAME.vlans.ID", interface_fields<Interface>(true));
  return result;
}

const Section& port_section() {
  static const Section result = [] {
    std::vector<Field> fields = {
        value<Port, &Port::device>(required(restart(
            text("device", "PCI address (\"0000:3b:00.0\") or DPDK device (\"net_af_packet0,iface=front0\").")))),
        value<Port, &Port::mac>(restart(row(Kind::mac, "mac", "MAC address; without it the device's own."))),
        value<Port, &Port::mtu>(restart(number("mtu", 576, 9216, "Largest IP packet, bytes."))),
        value<Port, &Port::rss>(restart(word(
            "rss", rss_words,
            "How packets get to the worker that owns their client: auto, by the NIC where it can hash the client's "
            "address alone; spread, over workers by address pairs; software, all on the first queue. Workers hand "
            "over the rest."))),
        value<Port, &Port::members>(restart(
            many(Many::list, text("members",
                                  "Devices that a bonding device joins: device = \"net_bonding0,mode=1\" keeps one "
                                  "active and the others in reserve, mode=4 is 802.3ad (LACP).")))),
        value<Port, &Port::kernel>(
            restart(text("kernel", "DPDK device that takes what is for the kernel; also that of the port's VLANs.")))};
    for (auto& field : interface_fields<Port>(false)) {
      fields.push_back(std::move(field));
    }
    fields.push_back(
        keyed({.name = "ID", .kind = Kind::integer, .min = 1, .max = 4094},
              table<Port, &Port::vlans>(row(Kind::table, "vlans", "802.1Q VLANs on the port."), vlan_section())));
    return section<Port>("ports.NAME", std::move(fields));
  }();
  return result;
}

const Section& profile_section() {
  static const Section result = section<Profile>(
      "profiles.NAME",
      {value<Profile, &Profile::type>(required(word("type", profile_type_words, "What identifies a session."))),
       value<Profile, &Profile::name>(text("name", "cookie, header, url_param: its name.")),
       value<Profile, &Profile::by>(word(
           "by", by_words,
           "cookie and all that follow it in `type`: a record remembers the backend of each value; the value names "
           "the backend (route); or it is hashed.")),
       value<Profile, &Profile::delimiter>(
           text("delimiter",
                "route: the backend's name follows the last of these characters; without one the value is "
                "the name. tls_ticket: the name is that of the ticket's key, without zeros at its end.")),
       value<Profile, &Profile::prefix4>(number("prefix4", 1, 32, "Bits of an IPv4 client address that make the key.")),
       value<Profile, &Profile::prefix6>(
           number("prefix6", 1, 128, "Bits of an IPv6 client address that make the key.")),
       value<Profile, &Profile::idle_timeout_ms>(duration(
           "idle_timeout", second, 365 * day, "A record ends after this time without a packet of its session.")),
       value<Profile, &Profile::on_down>(
           word("on_down", on_down_words,
                "When the record's backend is down: choose another, reset new flows, or hold them.")),
       value<Profile, &Profile::on_drain>(
           word("on_drain", on_drain_words, "When the record's backend drains: keep the session, or let it move.")),
       value<Profile, &Profile::on_return>(
           word("on_return", on_return_words,
                "When the backend that a session had to leave for being down is up again: stay, or return to it.")),
       value<Profile, &Profile::scope>(
           word("scope", scope_words, "Who shares the records: one service, all services of the pool, or all.")),
       value<Profile, &Profile::max_life_ms>(
           duration("max_life", 0, 3650 * day, "A record ends at this age, used or not; 0s: never.")),
       value<Profile, &Profile::max_records>(
           number("max_records", 0, 4'000'000'000, "Records at most; 0: as many as the table holds.")),
       value<Profile, &Profile::on_full>(
           word("on_full", on_full_words,
                "When no record can be had: go by rendezvous alone, put out the oldest, or refuse the session.")),
       value<Profile, &Profile::max_imbalance>(
           {.name = "max_imbalance",
            .kind = Kind::ratio,
            .min = 0,
            .max = 1'000'000,
            .help = "A backend with more than this multiple of its fair share of connections gets no first contacts, "
                    "1.0 and up; 0: no cap."}),
       value<Profile, &Profile::heavy_key>(
           word("heavy_key", heavy_key_words,
                "A key that exceeds the cap, or half of it on a backend above it: it stays, or its new connections are "
                "split over backends.")),
       value<Profile, &Profile::override_limits>(
           row(Kind::boolean, "override_limits", "A session with a record may exceed its backend's max_connections.")),
       value<Profile, &Profile::backup>(
           row(Kind::name, "backup", "Profile to ask when this one finds no key in a packet."))});
  return result;
}

const Section& monitor_section() {
  static const Section result = section<Monitor>(
      "pools.NAME.monitor",
      {value<Monitor, &Monitor::type>(required(word("type", monitor_type_words, "How a backend is asked."))),
       value<Monitor, &Monitor::path>(text("path", "http: what to GET; a status of 200 to 399 is well.")),
       value<Monitor, &Monitor::host>(text("host", "http: the Host header; without it the backend's address.")),
       value<Monitor, &Monitor::l4_port>(number("l4_port", 1, 65535, "Port to ask; without it the backend's.")),
       value<Monitor, &Monitor::interval_ms>(duration("interval", 10, hour, "From one question to the next.")),
       value<Monitor, &Monitor::timeout_ms>(
           duration("timeout", 1, hour, "An answer later than this is a failure; at most the interval.")),
       value<Monitor, &Monitor::rise>(number("rise", 1, 1000, "Successes in a row that bring a backend up.")),
       value<Monitor, &Monitor::fall>(number("fall", 1, 1000, "Failures in a row that take it down."))});
  return result;
}

const Section& backend_section() {
  static const Section result = section<Backend>(
      "pools.NAME.backends.NAME",
      {value<Backend, &Backend::addresses>(required(
           many(Many::one_or_list,
                row(Kind::endpoint, "address",
                    "At most one address per family; without a port the client's destination port is kept.")))),
       value<Backend, &Backend::weight>(
           number("weight", 0, 1'000'000, "Share of new sessions; 0: none by the algorithm.")),
       value<Backend, &Backend::state>(
           word("state", state_words, "State when the backend is first seen; later the command line's word counts.")),
       value<Backend, &Backend::max_connections>(
           number("max_connections", 0, 1'000'000'000, "Live connections at most; 0: no limit.")),
       value<Backend, &Backend::priority>(
           number("priority", 0, 255, "0 serves first; a higher number only while too few of the lower ones can."))});
  return result;
}

const Section& passive_section() {
  static const Section result = section<Passive>(
      "pools.NAME.passive",
      {value<Passive, &Passive::failures>(
           number("failures", 0, 1'000'000, "Connections in a row that fail and take a backend down; 0: none.")),
       value<Passive, &Passive::retry_ms>(
           duration("retry", 100, day, "How long it stays down; with monitors also until they pass again."))});
  return result;
}

const Section& pool_section() {
  static const Section result = [] {
    Field backends = keyed(
        {.name = "NAME", .kind = Kind::name},
        table<Pool, &Pool::backends>(row(Kind::table, "backends", "The servers of the pool."), backend_section()));
    backends.compact = true;
    return section<Pool>(
        "pools.NAME",
        {value<Pool, &Pool::algorithm>(
             word("algorithm", algorithm_words, "How a backend is chosen for a new session.")),
         value<Pool, &Pool::slow_start_ms>(duration(
             "slow_start", 0, day, "Time over which a backend that came up gets its full share; 0s: at once.")),
         value<Pool, &Pool::min_active>(
             number("min_active", 1, 65535, "With fewer able backends of a priority the next priority serves too.")),
         table<Pool, &Pool::passive>(
             row(Kind::table, "passive", "Health as the data path sees it: connections refused or unanswered."),
             passive_section()),
         table<Pool, &Pool::monitors>(
             many(Many::one_or_list, row(Kind::table, "monitor", "Health checks; all must pass. None: always up.")),
             monitor_section()),
         std::move(backends)});
  }();
  return result;
}

const Section& timeouts_section() {
  static const Section result = section<Timeouts>(
      "services.NAME.timeouts",
      {value<Timeouts, &Timeouts::embryonic_ms>(
           duration("embryonic", second, flow_timeout_max_ms, "TCP before the handshake is complete.")),
       value<Timeouts, &Timeouts::established_ms>(duration("established", second, flow_timeout_max_ms, "TCP in use.")),
       value<Timeouts, &Timeouts::closing_ms>(
           duration("closing", second, flow_timeout_max_ms, "TCP after FIN or RST.")),
       value<Timeouts, &Timeouts::udp_ms>(duration("udp", second, flow_timeout_max_ms, "UDP and everything else.")),
       value<Timeouts, &Timeouts::local_port_ms>(
           duration("local_port", 0, flow_timeout_max_ms,
                    "full_nat: a local port whose flow has ended is not used again towards the same backend."))});
  return result;
}

constexpr std::uint64_t flows_a_second_max = 100'000'000;

const Section& source_limits_section() {
  static const Section result = section<SourceLimits>(
      "services.NAME.limits.per_source",
      {value<SourceLimits, &SourceLimits::prefix4>(
           number("prefix4", 1, 32, "Bits of an IPv4 client address that make a source.")),
       value<SourceLimits, &SourceLimits::prefix6>(
           number("prefix6", 1, 128, "Bits of an IPv6 client address that make a source.")),
       value<SourceLimits, &SourceLimits::new_flows_per_s>(
           number("new_flows_per_s", 0, flows_a_second_max, "New flows of one source a second; 0: no limit.")),
       value<SourceLimits, &SourceLimits::burst>(
           number("burst", 0, flows_a_second_max, "How many may come at once; 0: as many as in a second.")),
       value<SourceLimits, &SourceLimits::connections>(
           number("connections", 0, 1'000'000'000, "Live flows of one source; 0: no limit."))});
  return result;
}

const Section& service_limits_section() {
  static const Section result = section<ServiceLimits>(
      "services.NAME.limits",
      {value<ServiceLimits, &ServiceLimits::new_flows_per_s>(number(
           "new_flows_per_s", 0, flows_a_second_max, "New flows a second, of all workers together; 0: no limit.")),
       value<ServiceLimits, &ServiceLimits::burst>(
           number("burst", 0, flows_a_second_max, "How many may come at once; 0: as many as in a second.")),
       table<ServiceLimits, &ServiceLimits::per_source>(
           row(Kind::table, "per_source", "Limits for each source: the clients of one prefix."),
           source_limits_section())});
  return result;
}

const Section& tunnel_section() {
  static const Section result = section<Tunnel>(
      "services.NAME.tunnel",
      {value<Tunnel, &Tunnel::sources>(
           many(Many::list, row(Kind::address, "sources",
                                "Outer source addresses, picked per flow; without one of the backend's family the "
                                "outgoing interface's own."))),
       value<Tunnel, &Tunnel::ttl>(number("ttl", 1, 255, "Outer TTL or hop limit.")),
       value<Tunnel, &Tunnel::dont_fragment>(word("dont_fragment", dont_fragment_words,
                                                  "Outer DF bit (IPv4): set, or copied from an IPv4 packet inside.")),
       value<Tunnel, &Tunnel::l4_port>(number("l4_port", 1, 65535, "gue: UDP port on which backends listen."))});
  return result;
}

const Section& service_section() {
  static const Section result = section<Service>(
      "services.NAME",
      {value<Service, &Service::listen>(
           required(many(Many::one_or_list, row(Kind::listen, "listen",
                                                "Address or prefix, port or \"*\", and protocol that clients use.")))),
       value<Service, &Service::forwarding>(word("forwarding", forwarding_words,
                                                 "nat: addresses rewritten, replies pass Limpet; dr: only the MAC "
                                                 "address is, replies go straight to the client; full_nat: backends "
                                                 "see a local address in place of the client's; ipip, gre, gue: sent "
                                                 "whole through a tunnel, replies as with dr.")),
       value<Service, &Service::local_addresses>(
           many(Many::list, row(Kind::prefix, "local_addresses",
                                "full_nat: addresses, or prefixes of them, that stand for clients towards backends."))),
       value<Service, &Service::client_address>(
           word("client_address", client_address_words,
                "full_nat over TCP: how a backend is told a client's address and port. proxy_v2: by a PROXY protocol "
                "header in front of the connection's data; toa: by a TCP option of its first packets.")),
       value<Service, &Service::echo>(
           word("echo", echo_words,
                "Whether its VIPs answer ping: always, while the pool has a backend for new "
                "sessions, or never; of a VIP of several services one that says yes counts.")),
       table<Service, &Service::tunnel>(row(Kind::table, "tunnel", "Outer headers of ipip, gre and gue."),
                                        tunnel_section()),
       value<Service, &Service::max_mss>(
           number("max_mss", 0, 65495, "Largest TCP segment that SYNs passing here may ask for; 0: any.")),
       value<Service, &Service::syn_proxy>(row(
           Kind::boolean, "syn_proxy",
           "TCP: Limpet completes clients' handshakes itself, by SYN cookies, before a backend sees them. So it is, "
           "too, with profiles that read what clients say.")),
       value<Service, &Service::inspect_delay_ms>(
           duration("inspect_delay", 10, 60 * second,
                    "How long Limpet waits for what a client says first, where a profile reads it.")),
       value<Service, &Service::window_scale>(
           number("window_scale", 0, 14,
                  "TCP window scale (RFC 7323) that Limpet offers clients in the backends' name: theirs.")),
       value<Service, &Service::pool>(required(row(Kind::name, "pool", "The pool that serves it."))),
       value<Service, &Service::persist>(
           many(Many::list, row(Kind::name, "persist", "Persistence profiles: the first that yields a key wins."))),
       value<Service, &Service::flows_on_down>(
           word("flows_on_down", live_flows_words, "Live TCP connections of a backend that goes down.")),
       value<Service, &Service::flows_on_drain_end>(
           word("flows_on_drain_end", live_flows_words,
                "Live TCP connections of a backend whose drain ends or that is taken offline.")),
       table<Service, &Service::timeouts>(
           row(Kind::table, "timeouts", "Idle time after which a flow ends, by its state."), timeouts_section()),
       value<Service, &Service::allow>(
           many(Many::list,
                row(Kind::prefix, "allow", "Clients that may open flows; with it, others may not. Live flows stay."))),
       value<Service, &Service::deny>(
           many(Many::list, row(Kind::prefix, "deny",
                                "Clients that may not open flows. Of all prefixes in both lists the longest counts."))),
       table<Service, &Service::limits>(
           row(Kind::table, "limits", "How many new flows the service takes. Live flows stay."),
           service_limits_section())});
  return result;
}

}  // namespace

std::string_view forwarding_name(Forwarding forwarding) noexcept {
  return forwarding_words[static_cast<std::size_t>(forwarding)];
}

const Section& root_section() {
  static const Row name{.name = "NAME", .kind = Kind::name};
  static const Section result = section<Model>(
      "",
      {table<Model, &Model::limpetd>(row(Kind::table, "limpetd", "The daemon itself. All of it needs a restart."),
                                     limpetd_section()),
       table<Model, &Model::limits>(
           row(Kind::table, "limits", "Sizes. All memory is taken at start, so all of it needs a restart."),
           limits_section()),
       keyed(name, table<Model, &Model::ports>(row(Kind::table, "ports", "NIC ports."), port_section())),
       keyed(name, table<Model, &Model::profiles>(
                       row(Kind::table, "profiles", "Persistence profiles: what a session is and how long it stays."),
                       profile_section())),
       keyed(name, table<Model, &Model::pools>(row(Kind::table, "pools", "Sets of backends."), pool_section())),
       keyed(name, table<Model, &Model::services>(row(Kind::table, "services", "What clients address."),
                                                  service_section()))});
  return result;
}

}  // namespace limpet::model
