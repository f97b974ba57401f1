// The command table itself. Order is the order of the manual.
#include "api/commands.hpp"

#include <array>

#include "api/columns.hpp"
#include "api/parameters.hpp"

namespace limpet::api {
namespace {

using namespace rows;

constexpr Command listing(std::string_view name, std::string_view method, std::span<const Column> columns,
                          std::string_view help, std::span<const Parameter> parameters = listing_parameters) {
  return {.name = name,
          .method = method,
          .parameters = parameters,
          .shape = Shape::listing,
          .columns = columns,
          .help = help};
}

constexpr Command admin(std::string_view name, std::string_view method, std::string_view help,
                        std::span<const Parameter> parameters = backend_parameters) {
  return {.name = name,
          .method = method,
          .access = Access::write,
          .parameters = parameters,
          .shape = Shape::object,
          .columns = backend_reply_columns,
          .help = help};
}

constexpr std::array table{
    listing("show services", "show.services", service_columns,
            "Services, and how many backends can take new sessions."),
    listing("show pools", "show.pools", pool_columns, "Pools of backends, and how evenly they are used."),
    listing("show profiles", "show.profiles", profile_columns,
            "Profiles of persistence, and what new flows were decided by since they were first configured."),
    listing("show backends", "show.backends", backend_columns, "Backends with state, health and sessions."),
    listing("show flows", "show.flows", flow_columns, "Live flows, worker by worker.", worker_listing_parameters),
    listing("show held", "show.held", held_columns,
            "Connections without a backend yet: what they wait for, what is held of them; and how much in all.",
            worker_listing_parameters),
    listing("show records", "show.records", record_columns, "The same as `records list`.", record_parameters),
    listing("show counters", "show.counters", counter_columns, "Counters and drop reasons that are not zero.",
            counter_parameters),
    listing("show ports", "show.ports", port_columns, "NIC ports."),
    listing("show workers", "show.workers", worker_columns, "Workers and how busy they are."),
    listing("show events", "show.events", event_columns, "What happened to backends, configuration and daemon."),
    listing("show moves", "show.moves", move_columns,
            "Sessions that reached another backend than before, and why; newest first, with counts by reason."),
    listing("show violations", "show.violations", move_columns, "Moves without an allowed reason: there must be none."),
    listing("show neighbors", "show.neighbors", neighbor_columns, "ARP and ND entries."),
    listing("show locals", "show.locals", local_port_columns,
            "Full NAT: local ports taken and free, by service and backend."),
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
    admin("backend drain", "backend.drain", "Give a backend no new sessions; those it has stay.", drain_parameters),
    admin("backend offline", "backend.offline", "Take a backend out of use; its sessions move."),
    Command{.name = "backend remove",
            .method = "backend.remove",
            .access = Access::write,
            .parameters = remove_parameters,
            .shape = Shape::object,
            .columns = apply_columns,
            .help =
                "Take a backend out of the configuration in use; its sessions move. No file is changed: take it out "
                "there too, or the next apply brings it back."},
    listing("records list", "records.list", record_columns, "Persistence records: which key stays with which backend.",
            record_parameters),
    Command{.name = "records show",
            .method = "records.show",
            .parameters = record_show_parameters,
            .shape = Shape::object,
            .columns = record_show_columns,
            .help = "All about one record."},
    Command{.name = "records set",
            .method = "records.set",
            .access = Access::write,
            .parameters = record_set_parameters,
            .shape = Shape::object,
            .columns = record_set_columns,
            .help = "Bind a session to a backend: new connections go there. A move, for the reason operator_set."},
    Command{.name = "records clear",
            .method = "records.clear",
            .access = Access::write,
            .parameters = clear_parameters,
            .shape = Shape::object,
            .columns = record_clear_columns,
            .help = "Forget sessions: their next connection is a first contact. Live connections go on."},
    Command{.name = "records dump",
            .method = "records.dump",
            .parameters = dump_parameters,
            .shape = Shape::lines,
            .columns = dump_columns,
            .help = "Lasting records, one JSON object a line, by names only: for another node, or for later."},
    Command{.name = "records load",
            .method = "records.load",
            .access = Access::write,
            .parameters = load_parameters,
            .shape = Shape::object,
            .columns = load_columns,
            .help = "Take in what `records dump` wrote. A line that can't be used is told with its number, the others "
                    "count."},
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
