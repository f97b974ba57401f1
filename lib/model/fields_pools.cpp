// The keys of pools, their backends and monitors.
#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

namespace {

constexpr std::array<std::string_view, 5> algorithm_words{"rendezvous", "maglev", "least_connections",
                                                          "weighted_round_robin", "random_two"};
constexpr std::array<std::string_view, 2> monitor_type_words{"tcp", "http"};
constexpr std::array<std::string_view, 3> state_words{"enabled", "drain", "offline"};

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

}  // namespace

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

}  // namespace limpet::model
