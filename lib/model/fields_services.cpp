// The keys of services.
#include "base/id.hpp"
#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

namespace {

constexpr std::array<std::string_view, 3> echo_words{"always", "healthy", "never"};
constexpr std::array<std::string_view, 6> forwarding_words{"nat", "dr", "full_nat", "ipip", "gre", "gue"};
constexpr std::array<std::string_view, 2> live_flows_words{"keep", "reset"};
constexpr std::array<std::string_view, 2> dont_fragment_words{"set", "copy"};
constexpr std::array<std::string_view, 3> client_address_words{"none", "proxy_v2", "toa"};

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

const Section& pool_route_section() {
  static const Section result = section<PoolRoute>(
      "services.NAME.routes",
      {value<PoolRoute, &PoolRoute::host>(
           text("host", "The host that an HTTP request is for, in any case; \"*.example.org\": all below it.")),
       value<PoolRoute, &PoolRoute::path>(text("path", "What a request's path begins with, such as \"/static/\".")),
       value<PoolRoute, &PoolRoute::sni>(text("sni", "The server name that a TLS client asks for, as `host`.")),
       value<PoolRoute, &PoolRoute::host_regex>(
           text("host_regex", "A regular expression that is found in the host, in any case; ^ and $ are its ends.")),
       value<PoolRoute, &PoolRoute::path_regex>(text("path_regex", "One that is found in the path.")),
       value<PoolRoute, &PoolRoute::sni_regex>(text("sni_regex", "One that is found in the server name, in any case.")),
       value<PoolRoute, &PoolRoute::pool>(required(row(Kind::name, "pool", "The pool that serves these.")))});
  return result;
}

}  // namespace

std::string_view PoolRoute::what() const noexcept {
  std::string_view only;
  unsigned count = 0;
  for (const auto& [name, text] : {std::pair<std::string_view, const std::string*>{"host", &host},
                                   {"path", &path},
                                   {"sni", &sni},
                                   {"host_regex", &host_regex},
                                   {"path_regex", &path_regex},
                                   {"sni_regex", &sni_regex}}) {
    if (!text->empty()) {
      only = name;
      ++count;
    }
  }
  return count == 1 ? only : std::string_view{};
}

const std::string& PoolRoute::value() const noexcept {
  for (const std::string* text : {&host, &path, &sni, &host_regex, &path_regex, &sni_regex}) {
    if (!text->empty()) {
      return *text;
    }
  }
  return host;
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
       value<Service, &Service::inspect_delay_ms>(duration(
           "inspect_delay", 10, 60 * second,
           "How long Limpet waits for what a client says first, where a profile reads it. A lost segment may come "
           "again after 3 s.")),
       value<Service, &Service::window_scale>(
           number("window_scale", 0, 14,
                  "TCP window scale (RFC 7323) that Limpet offers clients in the backends' name: theirs.")),
       value<Service, &Service::pool>(required(row(Kind::name, "pool", "The pool that serves it."))),
       table<Service, &Service::routes>(
           many(Many::list,
                row(Kind::table, "routes",
                    "TCP: connections for other pools, by what their clients say first; the first that fits "
                    "counts, `pool` where none does. Sessions of one pool are apart from those of another.")),
           pool_route_section()),
       value<Service, &Service::accept_proxy>(many(
           Many::list, row(Kind::prefix, "accept_proxy",
                           "TCP: fronts whose connections must begin with a PROXY protocol header, version 1 or 2. "
                           "The client it tells of is the one whose address makes keys; the backend gets it, "
                           "too."))),
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

std::string_view forwarding_name(Forwarding forwarding) noexcept {
  return forwarding_words[static_cast<std::size_t>(forwarding)];
}

}  // namespace limpet::model
