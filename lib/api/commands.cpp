// The command table itself. Order is the order of the manual.
#include "api/commands.hpp"

#include <array>

namespace limpet::api {
namespace {

constexpr Parameter filter{.name = "filter",
                           .type = Type::text,
                           .help =
                               "Only items that match all terms: TEXT (anywhere) or COLUMN=VALUE (a prefix matches "
                               "the addresses in it)."};
constexpr Parameter limit{.name = "limit",
                          .type = Type::count,
                          .default_text = "1000",
                          .min = 1,
                          .max = listing_limit_max,
                          .help = "Most items in one answer."};
constexpr Parameter cursor{.name = "cursor", .type = Type::text, .help = "Goes on where an answer's `next` says."};

constexpr std::array listing_parameters{filter, limit, cursor};
constexpr std::array worker_listing_parameters{filter, limit, cursor,
                                               Parameter{.name = "worker",
                                                         .type = Type::count,
                                                         .min = 0,
                                                         .max = 1023,
                                                         .help = "Only this worker.",
                                                         .completion = Completion::worker}};
constexpr std::array counter_parameters{
    filter, limit, cursor,
    Parameter{.name = "worker",
              .type = Type::count,
              .min = 0,
              .max = 1023,
              .help = "Of this worker alone; without it the sum of all.",
              .completion = Completion::worker},
    Parameter{.name = "all", .type = Type::flag, .default_text = "false", .help = "Also those that are zero."}};
constexpr std::array apply_parameters{
    Parameter{.name = "text",
              .type = Type::file,
              .place = Place::positional,
              .required = true,
              .help = "The configuration file.",
              .completion = Completion::file},
    Parameter{.name = "dry_run",
              .type = Type::flag,
              .default_text = "false",
              .help = "Only say what would change and how many live sessions would move."}};
constexpr std::array check_parameters{Parameter{.name = "text",
                                                .type = Type::file,
                                                .place = Place::positional,
                                                .required = true,
                                                .help = "The configuration file.",
                                                .completion = Completion::file}};
constexpr std::array config_show_parameters{
    Parameter{.name = "all", .type = Type::flag, .default_text = "false", .help = "Also what has its default value."}};
constexpr std::array backend_parameters{Parameter{.name = "backend",
                                                  .type = Type::backend,
                                                  .place = Place::positional,
                                                  .required = true,
                                                  .help = "The backend, as POOL/NAME.",
                                                  .completion = Completion::backend}};
constexpr std::array why_parameters{Parameter{.name = "service",
                                              .type = Type::text,
                                              .required = true,
                                              .help = "The service.",
                                              .completion = Completion::service},
                                    Parameter{.name = "client",
                                              .type = Type::client,
                                              .required = true,
                                              .help = "The client's address; with its port also a live flow is found."},
                                    Parameter{.name = "listen",
                                              .type = Type::text,
                                              .help = "Which of the service's listen addresses; without it the first "
                                                      "of the client's family."}};

constexpr std::array service_columns{
    Column{"name", "NAME", "the service"},
    Column{"listen", "LISTEN", "its listen addresses (list)"},
    Column{"forwarding", "FORWARDING", "nat or dr"},
    Column{"pool", "POOL", "the pool that serves it"},
    Column{"persist", "PERSIST", "its profiles (list)"},
    Column{"backends_up", "UP", "backends that take new sessions"},
    Column{"backends", "BACKENDS", "backends of the pool"},
};
constexpr std::array pool_columns{
    Column{"name", "NAME", "the pool"},
    Column{"algorithm", "ALGORITHM", "how a backend is chosen"},
    Column{"monitors", "MONITORS", "types of its monitors (list)"},
    Column{"backends_up", "UP", "backends that take new sessions"},
    Column{"backends", "BACKENDS", "all backends"},
    Column{"sessions", "SESSIONS", "live sessions"},
};
constexpr std::array backend_columns{
    Column{"name", "NAME", "POOL/NAME"},
    Column{"address", "ADDRESS", "its addresses (list)"},
    Column{"weight", "WEIGHT", "share of new sessions"},
    Column{"state", "STATE", "enabled, drain or offline"},
    Column{"health", "HEALTH", "up or down"},
    Column{"since", "SINCE", "when the health last changed (UTC)"},
    Column{"sessions", "SESSIONS", "live sessions"},
    Column{"detail", "DETAIL", "what the last failed check said"},
};
constexpr std::array flow_columns{
    Column{"worker", "WORKER", "the worker that owns it"},
    Column{"service", "SERVICE", "the service"},
    Column{"protocol", "PROTO", "tcp or udp"},
    Column{"client", "CLIENT", "client address and port"},
    Column{"destination", "DESTINATION", "virtual address and port"},
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"state", "STATE", "embryonic, established, closing or udp"},
    Column{"idle_s", "IDLE_S", "seconds since the last packet"},
};
constexpr std::array record_columns{
    Column{"scope", "SCOPE", "who shares the record: service, pool or global name, and the profile"},
    Column{"key", "KEY", "the client's address and prefix length"},
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"state", "STATE", "kept or provisional"},
    Column{"idle_s", "IDLE_S", "seconds since it was last used"},
    Column{"timeout_s", "TIMEOUT_S", "idle seconds after which it ends"},
};
constexpr std::array counter_columns{
    Column{"name", "NAME", "the counter"},
    Column{"value", "VALUE", "since the start"},
    Column{"kind", "KIND", "count, drop or move"},
    Column{"help", "HELP", "what it counts"},
};
constexpr std::array port_columns{
    Column{"name", "NAME", "the port"},
    Column{"device", "DEVICE", "its device"},
    Column{"driver", "DRIVER", "the device's driver"},
    Column{"mac", "MAC", "its MAC address"},
    Column{"link", "LINK", "up or down"},
    Column{"queues", "QUEUES", "receive queues"},
    Column{"rss", "RSS", "how the device spreads packets over queues"},
    Column{"received", "RECEIVED", "packets, as the device counts"},
    Column{"transmitted", "TRANSMITTED", "packets, as the device counts"},
    Column{"missed", "MISSED", "packets that found the queue full"},
    Column{"errors", "ERRORS", "faulty packets"},
};
constexpr std::array worker_columns{
    Column{"worker", "WORKER", "its number"},
    Column{"cpu", "CPU", "where it runs"},
    Column{"turns", "TURNS", "turns of its loop"},
    Column{"empty_turns", "EMPTY", "turns that found no packet"},
    Column{"packets", "PACKETS", "packets received"},
    Column{"flows", "FLOWS", "live flows"},
    Column{"busy_percent", "BUSY%", "share of cycles spent on packets"},
    Column{"cycles_per_packet", "CYC/PKT", "busy cycles a packet"},
};
constexpr std::array event_columns{
    Column{"number", "NUMBER", "counts from 1"},
    Column{"time", "TIME", "UTC"},
    Column{"kind", "KIND", "health, apply, admin or daemon"},
    Column{"text", "TEXT", "what happened"},
};
constexpr std::array move_columns{
    Column{"time", "TIME", "UTC"},
    Column{"service", "SERVICE", "the service"},
    Column{"key", "KEY", "the session's key"},
    Column{"from", "FROM", "the backend before"},
    Column{"to", "TO", "the backend now"},
    Column{"reason", "REASON", "why; `violation` should never be seen"},
};
constexpr std::array neighbor_columns{
    Column{"interface", "INTERFACE", "port, or PORT.VLAN"},
    Column{"address", "ADDRESS", "the neighbour"},
    Column{"mac", "MAC", "its MAC address, if known"},
    Column{"state", "STATE", "incomplete, reachable, stale, probe, failed or fixed"},
    Column{"age_s", "AGE_S", "seconds since it was last confirmed"},
};
constexpr std::array memory_columns{
    Column{"name", "NAME", "what it is for"},   Column{"bytes", "BYTES", "memory taken"},
    Column{"used", "USED", "entries in use"},   Column{"capacity", "CAPACITY", "entries at most"},
    Column{"place", "PLACE", "where it lives"},
};
constexpr std::array schema_columns{
    Column{"section", "SECTION", "the table of the file"},   Column{"name", "NAME", "the key"},
    Column{"type", "TYPE", "what it takes, in words"},       Column{"kind", "KIND", "what it takes, as one word"},
    Column{"many", "MANY", "one, one_or_list, list or map"}, Column{"default", "DEFAULT", "its default, as TOML"},
    Column{"required", "REQUIRED", "true or false"},         Column{"needs_restart", "NEEDS_RESTART", "true or false"},
    Column{"min", "MIN", "least value (ms, bytes)"},         Column{"max", "MAX", "largest value (ms, bytes)"},
    Column{"words", "WORDS", "the words it takes (list)"},   Column{"help", "HELP", "what it is for"},
};
constexpr std::array apply_columns{
    Column{"applied", "APPLIED", "true, or false with --dry-run"},
    Column{"changes", "CHANGES", "what differs (list of path, before, after, needs_restart)"},
    Column{"moving_sessions", "MOVING SESSIONS", "live sessions that move"},
    Column{"live_sessions", "LIVE SESSIONS", "live sessions in all"},
    Column{"plan_version", "PLAN VERSION", "number of the plan now in use"},
};
constexpr std::array check_columns{
    Column{"valid", "VALID", "true; a file with problems gives an error that names them all"},
};
constexpr std::array backend_reply_columns{
    Column{"backend", "BACKEND", "POOL/NAME"},
    Column{"before", "BEFORE", "its state before"},
    Column{"state", "STATE", "its state now"},
};
constexpr std::array why_columns{
    Column{"service", "SERVICE", "the service"},
    Column{"client", "CLIENT", "the client"},
    Column{"listen", "LISTEN", "the listen address looked at"},
    Column{"step", "STEP", "what decided: flow, record or algorithm"},
    Column{"backend", "BACKEND", "POOL/NAME; null when there is none"},
    Column{"reason", "REASON", "in words"},
    Column{"worker", "WORKER", "the worker that owns the client"},
    Column{"profile", "PROFILE", "the profile that gave the key; null when none"},
    Column{"key", "KEY", "the session's key"},
    Column{"ruled_out", "RULED OUT", "backends that could not be chosen (list of backend, reason)"},
};
constexpr std::array version_columns{
    Column{"version", "VERSION", "of the daemon"},
    Column{"pid", "PID", "its process"},
    Column{"started", "STARTED", "UTC"},
    Column{"plan_version", "PLAN VERSION", "number of the plan in use"},
};

constexpr Command listing(std::string_view name, std::string_view method, std::span<const Column> columns,
                          std::string_view help, std::span<const Parameter> parameters = listing_parameters) {
  return {.name = name,
          .method = method,
          .parameters = parameters,
          .shape = Shape::listing,
          .columns = columns,
          .help = help};
}

constexpr Command admin(std::string_view name, std::string_view method, std::string_view help) {
  return {.name = name,
          .method = method,
          .access = Access::write,
          .parameters = backend_parameters,
          .shape = Shape::object,
          .columns = backend_reply_columns,
          .help = help};
}

constexpr std::array table{
    listing("show services", "show.services", service_columns,
            "Services, and how many backends can take new sessions."),
    listing("show pools", "show.pools", pool_columns, "Pools of backends."),
    listing("show backends", "show.backends", backend_columns, "Backends with state, health and sessions."),
    listing("show flows", "show.flows", flow_columns, "Live flows, worker by worker.", worker_listing_parameters),
    listing("show records", "show.records", record_columns, "Persistence records: which key stays with which backend."),
    listing("show counters", "show.counters", counter_columns, "Counters and drop reasons that are not zero.",
            counter_parameters),
    listing("show ports", "show.ports", port_columns, "NIC ports."),
    listing("show workers", "show.workers", worker_columns, "Workers and how busy they are."),
    listing("show events", "show.events", event_columns, "What happened to backends, configuration and daemon."),
    listing("show moves", "show.moves", move_columns, "Sessions that reached another backend than before, and why."),
    listing("show neighbors", "show.neighbors", neighbor_columns, "ARP and ND entries."),
    listing("show memory", "show.memory", memory_columns, "Memory by use."),
    Command{.name = "apply",
            .method = "apply",
            .access = Access::write,
            .parameters = apply_parameters,
            .shape = Shape::object,
            .columns = apply_columns,
            .help = "Make a configuration file the one in use, all of it or nothing."},
    Command{.name = "config show",
            .method = "config.show",
            .parameters = config_show_parameters,
            .shape = Shape::text,
            .help = "The configuration in use, as a file that loads to the same."},
    Command{.name = "config schema",
            .method = "config.schema",
            .local = true,
            .shape = Shape::listing,
            .columns = schema_columns,
            .help = "Every key of the configuration file."},
    Command{.name = "config check",
            .method = "config.check",
            .local = true,
            .parameters = check_parameters,
            .shape = Shape::object,
            .columns = check_columns,
            .help = "Tell all problems of a configuration file."},
    admin("backend enable", "backend.enable", "Let a backend take new sessions."),
    admin("backend drain", "backend.drain", "Give a backend no new sessions; those it has stay."),
    admin("backend offline", "backend.offline", "Take a backend out of use; its sessions move."),
    Command{.name = "why",
            .method = "why",
            .parameters = why_parameters,
            .shape = Shape::object,
            .columns = why_columns,
            .help = "Which backend a client reaches, and what decides it."},
    Command{.name = "version",
            .method = "version",
            .shape = Shape::object,
            .columns = version_columns,
            .help = "The daemon's version."},
};

}  // namespace

std::span<const Command> commands() {
  return table;
}

const Command* find_method(std::string_view method) {
  for (const auto& command : table) {
    if (command.method == method) {
      return &command;
    }
  }
  return nullptr;
}

const Command* find_name(std::string_view name) {
  for (const auto& command : table) {
    if (command.name == name) {
      return &command;
    }
  }
  return nullptr;
}

}  // namespace limpet::api
