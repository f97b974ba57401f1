// What replies hold: columns of listings, members of objects. Rows of the one table (commands.cpp).
#pragma once

#include <array>

#include "api/commands.hpp"

namespace limpet::api::rows {

inline constexpr std::array service_columns{
    Column{"name", "NAME", "the service"},
    Column{"listen", "LISTEN", "its listen addresses (list)"},
    Column{"forwarding", "FORWARDING", "nat, dr, full_nat, ipip, gre or gue"},
    Column{"pool", "POOL", "the pool that serves it"},
    Column{"routes", "ROUTES", "where it leads connections by what clients say (list)"},
    Column{"persist", "PERSIST", "its profiles (list)"},
    Column{"backends_up", "UP", "backends that take new sessions"},
    Column{"backends", "BACKENDS", "backends of the pool"},
    Column{"denied", "DENIED", "new flows refused by allow and deny"},
    Column{"limited", "LIMITED", "new flows refused by limits"},
};
inline constexpr std::array pool_columns{
    Column{"name", "NAME", "the pool"},
    Column{"algorithm", "ALGORITHM", "how a backend is chosen"},
    Column{"monitors", "MONITORS", "types of its monitors (list)"},
    Column{"backends_up", "UP", "backends that take new sessions"},
    Column{"backends", "BACKENDS", "all backends"},
    Column{"sessions", "SESSIONS", "live sessions: records, and flows without one"},
    Column{"connections", "CONNS", "live connections, those that begin included"},
    Column{"sessions_skew", "SKEW", "sessions of the fullest backend as a multiple of its share by weight; null: none"},
    Column{"connections_skew", "CONN SKEW", "the same of connections"},
    Column{"shares", "", "of each backend (list of backend, weight_percent, sessions_percent, connections_percent)"},
};
inline constexpr std::array profile_columns{
    Column{"name", "NAME", "the profile"},
    Column{"type", "TYPE", "where its key is"},
    Column{"by", "BY", "record, route, hash, rewrite or insert"},
    Column{"services", "SERVICES", "those that ask it, also as a backup (list)"},
#define LIMPET_PROFILE_COUNT(name, title, help) Column{#name, title, help},
#include "counters/profile_counters.def"
#undef LIMPET_PROFILE_COUNT
};
inline constexpr std::array backend_columns{
    Column{"name", "NAME", "POOL/NAME"},
    Column{"address", "ADDRESS", "its addresses (list)"},
    Column{"weight", "WEIGHT", "share of new sessions, as declared"},
    Column{"weight_now", "NOW", "what it counts for now: less than declared while it starts slowly"},
    Column{"state", "STATE", "enabled, drain, drained (its deadline has passed) or offline"},
    Column{"until", "UNTIL", "when its drain ends or ended (UTC)"},
    Column{"health", "HEALTH", "up or down"},
    Column{"since", "SINCE", "when the health last changed (UTC)"},
    Column{"sessions", "SESSIONS", "live sessions"},
    Column{"connections", "CONNS", "live connections, those that begin included"},
    Column{"options", "TCP OPTIONS", "of TCP, that it accepts, as monitors have seen"},
    Column{"detail", "DETAIL", "what decided its health"},
};
inline constexpr std::array flow_columns{
    Column{"worker", "WORKER", "the worker that owns it"},
    Column{"service", "SERVICE", "the service"},
    Column{"protocol", "PROTO", "tcp or udp"},
    Column{"client", "CLIENT", "client address and port"},
    Column{"destination", "DESTINATION", "virtual address and port"},
    Column{"local", "LOCAL", "full_nat: address and port that stand for the client's; null: none"},
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"state", "STATE", "embryonic, established, closing or udp"},
    Column{"idle_s", "IDLE_S", "seconds since the last packet"},
};
inline constexpr std::array held_columns{
    Column{"worker", "WORKER", "the worker that owns it"},
    Column{"service", "SERVICE", "the service"},
    Column{"client", "CLIENT", "client address and port"},
    Column{"waits_for", "WAITS FOR",
           "data: the client has not said enough; backend: it has got a SYN, or is down and on_down = hold; "
           "acknowledgment: by the backend, of bytes that are owned"},
    Column{"backend", "BACKEND", "POOL/NAME of the backend that is asked, or joined; null: none yet"},
    Column{"packets", "PACKETS", "held packets"},
    Column{"bytes", "BYTES", "of data in them"},
    Column{"owned_bytes", "OWNED", "of these, acknowledged by Limpet, which repeats them to the backend"},
    Column{"waited_ms", "WAITED_MS", "milliseconds since its client has shown its address"},
    Column{"left_ms", "LEFT_MS", "until it gets a backend by what it has said so far; null: it has one"},
    Column{"tried", "TRIED", "backends that have been asked (list)"},
};
inline constexpr std::array local_port_columns{
    Column{"service", "SERVICE", "the service"},
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"address", "ADDRESS", "the backend's address and port"},
    Column{"protocol", "PROTO", "tcp or udp"},
    Column{"addresses", "LOCALS", "local addresses of its family"},
    Column{"ports", "PORTS", "local ports of all of them; null: as many for each of the backend's ports"},
    Column{"taken", "TAKEN", "of flows, or at rest after their flow's end"},
    Column{"free", "FREE", "the others"},
    Column{"fullest_percent", "FULLEST %", "taken of the ports of the worker that has the least left"},
};
// Of records.
inline constexpr Column record_scope{"scope", "SCOPE",
                                     "who shares the record: the profile, and service, pool or all services"};
inline constexpr Column record_key{"key", "KEY", "what tells the session from others"};
inline constexpr Column record_backend{"backend", "BACKEND", "POOL/NAME"};
inline constexpr Column record_state{"state", "STATE", "kept or provisional"};
inline constexpr Column record_age{"age_s", "AGE_S", "seconds since it got this backend"};
inline constexpr Column record_idle{"idle_s", "IDLE_S", "seconds since it was last used"};
inline constexpr Column record_timeout{"timeout_s", "TIMEOUT_S", "idle seconds after which it ends"};
inline constexpr Column record_home{
    "home", "", "POOL/NAME of the backend that its session left while that was down, and may return to; null: none"};

inline constexpr std::array record_columns{record_scope, record_key,  record_backend, record_state,
                                           record_age,   record_idle, record_timeout, record_home};
inline constexpr std::array record_show_columns{
    record_scope,
    Column{"profile", "PROFILE", "the profile that made it"},
    record_key,
    record_backend,
    Column{"backend_state", "BACKEND STATE", "enabled, drain, drained, offline; removed"},
    Column{"backend_health", "BACKEND HEALTH", "up or down"},
    record_state,
    Column{"away", "AWAY", "true: its session left another backend that was down, and may return"},
    record_home,
    record_age,
    record_idle,
    record_timeout,
    Column{"max_life_s", "MAX_LIFE_S", "age at which it ends; 0: none"},
    Column{"services", "SERVICES", "services that it counts for (list)"},
};
inline constexpr std::array record_set_columns{
    record_scope,
    record_key,
    Column{"before", "BEFORE", "the backend it named; null: there was no record"},
    Column{"backend", "BACKEND", "the backend it names now"},
};
inline constexpr std::array record_clear_columns{
    Column{"cleared", "CLEARED", "records that were erased"},
};
inline constexpr std::array dump_columns{record_scope, record_key,  record_backend,
                                         record_age,   record_idle, record_home};
inline constexpr std::array load_columns{
    Column{"loaded", "LOADED", "records made"},
    Column{"kept", "KEPT", "lines whose session has a record already, which counts more"},
    Column{"expired", "EXPIRED", "lines whose record would be over by now"},
    Column{"no_room", "NO_ROOM", "lines for which the table has no room"},
    Column{"refused", "REFUSED", "lines that can't be used"},
    Column{"problems", "", "why (list of line, text)"},
};
inline constexpr std::array counter_columns{
    Column{"name", "NAME", "the counter"},
    Column{"value", "VALUE", "since the start"},
    Column{"kind", "KIND", "count, drop or move"},
    Column{"help", "HELP", "what it counts"},
};
inline constexpr std::array port_columns{
    Column{"name", "NAME", "the port"},
    Column{"device", "DEVICE", "its device"},
    Column{"driver", "DRIVER", "the device's driver"},
    Column{"mac", "MAC", "its MAC address"},
    Column{"link", "LINK", "up or down"},
    Column{"members", "MEMBERS", "of a bonding device: its members, up or down (list)"},
    Column{"queues", "QUEUES", "receive queues"},
    Column{"rss", "RSS", "how packets get to the worker that owns the client"},
    Column{"rss_why", "WHY", "why it is done that way"},
    Column{"offloads", "OFFLOADS",
           "who checks TCP and UDP checksums of what comes in, and whether large frames come in parts"},
    Column{"numa_node", "NODE", "the NUMA node that the device sits on; -1: of none in particular"},
    Column{"far_workers", "FAR", "workers on other NUMA nodes"},
    Column{"received", "RECEIVED", "packets, as the device counts"},
    Column{"transmitted", "TRANSMITTED", "packets, as the device counts"},
    Column{"missed", "MISSED", "packets that found the queue full"},
    Column{"errors", "ERRORS", "faulty packets"},
};
inline constexpr std::array worker_columns{
    Column{"worker", "WORKER", "its number"},
    Column{"cpu", "CPU", "where it runs"},
    Column{"numa_node", "NODE", "the NUMA node of that CPU"},
    Column{"turns", "TURNS", "turns of its loop"},
    Column{"empty_turns", "EMPTY", "turns that found no packet"},
    Column{"packets", "PACKETS", "packets received"},
    Column{"flows", "FLOWS", "live flows"},
    Column{"busy_percent", "BUSY%", "share of cycles spent on packets"},
    Column{"cycles_per_packet", "CYC/PKT", "busy cycles a packet"},
    Column{"busy_us", "BUSY US", "microseconds spent on packets"},
    Column{"device_us", "DEVICE US", "of these, in calls of devices; 0 unless time_devices is on"},
};
inline constexpr std::array event_columns{
    Column{"number", "NUMBER", "counts from 1"},
    Column{"time", "TIME", "UTC"},
    Column{"kind", "KIND", "health, apply, admin, locals, neighbor, link or daemon"},
    Column{"text", "TEXT", "what happened"},
};
inline constexpr std::array move_columns{
    Column{"time", "TIME", "UTC"},
    Column{"service", "SERVICE", "the service"},
    Column{"key", "KEY", "the session's key"},
    Column{"from", "FROM", "the backend before"},
    Column{"to", "TO", "the backend now"},
    Column{"reason", "REASON", "why; `violation` should never be seen"},
};
inline constexpr std::array neighbor_columns{
    Column{"interface", "INTERFACE", "port, or PORT.VLAN"},
    Column{"address", "ADDRESS", "the neighbour"},
    Column{"mac", "MAC", "its MAC address, if known"},
    Column{"state", "STATE", "incomplete, reachable, stale, probe, failed or fixed"},
    Column{"age_s", "AGE_S", "seconds since it was last confirmed"},
    Column{"gateway", "GATEWAY", "true: a next hop of a route, which is watched always"},
    Column{"failures", "FAILURES", "times that it did not answer"},
};
inline constexpr std::array memory_columns{
    Column{"name", "NAME", "what it is for"},         Column{"bytes", "BYTES", "memory taken"},
    Column{"used", "USED", "entries in use"},         Column{"capacity", "CAPACITY", "entries at most"},
    Column{"entry_bytes", "ENTRY", "bytes an entry"}, Column{"place", "PLACE", "where it lives"},
};
inline constexpr std::array schema_columns{
    Column{"section", "SECTION", "the table of the file"},   Column{"name", "NAME", "the key"},
    Column{"type", "TYPE", "what it takes, in words"},       Column{"kind", "KIND", "what it takes, as one word"},
    Column{"many", "MANY", "one, one_or_list, list or map"}, Column{"default", "DEFAULT", "its default, as TOML"},
    Column{"required", "REQUIRED", "true or false"},         Column{"needs_restart", "NEEDS_RESTART", "true or false"},
    Column{"min", "MIN", "least value (ms, bytes)"},         Column{"max", "MAX", "largest value (ms, bytes)"},
    Column{"words", "WORDS", "the words it takes (list)"},   Column{"help", "HELP", "what it is for"},
};
inline constexpr std::array apply_columns{
    Column{"applied", "APPLIED", "true, or false with --dry-run"},
    Column{"changes", "CHANGES", "what differs (list of path, before, after, needs_restart)"},
    Column{"moving_sessions", "MOVING SESSIONS", "live sessions that move"},
    Column{"reasons", "REASONS", "... by reason"},
    Column{"live_sessions", "LIVE SESSIONS", "live sessions in all"},
    Column{"plan_version", "PLAN VERSION", "number of the plan now in use"},
};
inline constexpr std::array check_columns{
    Column{"valid", "VALID", "true; a file with problems gives an error that names them all"},
};
inline constexpr std::array backend_reply_columns{
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"before", "BEFORE", "its state before"},
    Column{"state", "STATE", "its state now"},
    Column{"until", "UNTIL", "when its drain ends (UTC); null: never"},
};
inline constexpr std::array why_columns{
    Column{"service", "SERVICE", "the service"},
    Column{"client", "CLIENT", "the client; null: only a key was asked about"},
    Column{"listen", "LISTEN", "the listen address looked at"},
    Column{"destination", "DESTINATION", "what the client addresses"},
    Column{"step", "STEP",
           "what decides: flow, token, record, returned, split or algorithm; refused: lists or limits; none: nothing "
           "does"},
    Column{"backend", "BACKEND", "POOL/NAME; null when there is none"},
    Column{"reason", "REASON", "in words"},
    Column{"worker", "WORKER", "the worker that owns the client, or the key's address, and that was asked"},
    Column{"local", "LOCAL", "full_nat: local address and port of the live flow; null: none"},
    Column{"local_addresses", "LOCAL ADDRESSES", "full_nat: those a new flow's is drawn from (list); null: none"},
    Column{"pool", "POOL", "the pool that is asked"},
    Column{"route", "ROUTE", "the service's route that leads there; null: none fits"},
    Column{"profile", "PROFILE", "the profile that gave the key; null when none"},
    Column{"key", "KEY", "the session's key"},
    Column{"passed_over", "PASSED OVER",
           "profiles that were asked before that one and found no key (list of profile, reason)"},
    Column{"record", "RECORD", "its record, usable or not (backend, state, age_s, idle_s); null: none"},
    Column{"ruled_out", "RULED OUT", "backends that take no new session now (list of backend, reason)"},
    Column{"if_drained", "IF DRAINED",
           "where a new connection would go if that backend were drained (backend, reason)"},
    Column{"if_removed", "IF REMOVED", "... if it were removed (backend, reason)"},
};
inline constexpr std::array version_columns{
    Column{"version", "VERSION", "of the daemon"},
    Column{"pid", "PID", "its process"},
    Column{"started", "STARTED", "UTC"},
    Column{"plan_version", "PLAN VERSION", "number of the plan in use"},
};

}  // namespace limpet::api::rows
