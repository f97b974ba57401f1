// show counters, show ports, show workers, show events, show moves, show violations, show neighbors.
#include <fmt/ranges.h>

#include "control/context.hpp"
#include "control/listing.hpp"

namespace limpet::control {
namespace {

using api::Json;

/// Of these workers; with `own`, what control has moved itself.
std::uint64_t moves_of(const std::vector<path::State*>& states, const MoveLog* own, std::size_t reason) {
  std::uint64_t value = own == nullptr ? 0 : own->own()[reason];
  for (const auto* state : states) {
    value += state->moves[reason].load(std::memory_order_relaxed);
  }
  return value;
}

/// What control counts itself.
void add_neighbour_counts(Json& rows, const l3::NeighbourCounts& counts) {
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help) {
    rows.push_back({{"name", name}, {"value", value}, {"kind", "count"}, {"help", help}});
  };
  add("neighbor_failed", counts.failures, "next hops that did not answer ARP or ND");
  add("neighbor_conflict", counts.address_conflicts, "ARP and ND frames in which another host claims our address");
  add("neighbor_refused", counts.refused_full + counts.refused_rate, "neighbours not learned: too many, or too fast");
}

Json counter_rows(const std::vector<path::State*>& states, const MoveLog* own) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < counters::counter_count; ++i) {
    std::uint64_t value = 0;
    for (const auto* state : states) {
      value += state->counters.get(static_cast<counters::Counter>(i));
    }
    const auto& description = counters::descriptions[i];
    rows.push_back({{"name", description.name},
                    {"value", value},
                    {"kind", description.is_drop ? "drop" : "count"},
                    {"help", description.help}});
  }
  for (std::size_t i = 0; i < path::reason_count; ++i) {
    rows.push_back({{"name", fmt::format("move_{}", path::reason_names[i])},
                    {"value", moves_of(states, own, i)},
                    {"kind", "move"},
                    {"help", fmt::format("sessions moved for the reason {}", path::reason_names[i])}});
  }
  return rows;
}

Answer show_counters(const Context& context, const Json& params) {
  auto listing = Listing::begin("show.counters", params);
  if (!listing) {
    return tl::unexpected(listing.error());
  }
  auto states = context.runtime.states();
  const MoveLog* own = &context.moves;
  if (params.contains("worker")) {
    const auto worker = params.at("worker").get<std::size_t>();
    if (worker >= states.size()) {
      return api::reject(api::Code::not_found, "no worker {}; there are {}", worker, states.size());
    }
    states = {states[worker]};
    own = nullptr;
  }
  // The place in the table of all counters is the key, so that zero ones may come and go between pages.
  std::uint64_t number = 0;
  Json rows = counter_rows(states, own);
  if (own != nullptr) {
    add_neighbour_counts(rows, context.neighbours.counts());
  }
  for (auto& row : rows) {
    const auto key = number_key(++number);
    const bool told = params.value("all", false) || row.at("value") != 0u;
    if (told && listing->is_past(key) && !listing->add(key, row)) {
      break;
    }
  }
  return listing->finish();
}

Json port_row(const PortInfo& port) {
  return {{"name", port.name},
          {"device", port.device},
          {"driver", port.driver},
          {"mac", port.mac.text()},
          {"link", port.link_up ? "up" : "down"},
          {"members", port.members},
          {"queues", port.queues},
          {"rss", port.rss},
          {"rss_why", port.rss_why},
          {"offloads", port.offloads},
          {"numa_node", port.numa_node},
          {"far_workers", fmt::format("{}", fmt::join(port.far_workers, " "))},
          {"received", port.received},
          {"transmitted", port.transmitted},
          {"missed", port.missed},
          {"errors", port.errors}};
}

void list_ports(const Context& context, Listing& listing) {
  std::uint64_t number = 0;
  for (const auto& port : context.runtime.ports()) {
    const auto key = number_key(++number);
    if (listing.is_past(key) && !listing.add(key, port_row(port))) {
      return;
    }
  }
}

std::int64_t live_flows(const Context& context, const path::State& state) {
  std::int64_t flows = 0;
  for (std::uint32_t slot = 0; slot < context.configuration.slots().backends.extent(); ++slot) {
    flows += state.uses[slot].flows.load(std::memory_order_relaxed);
  }
  return std::max<std::int64_t>(flows, 0);
}

std::uint64_t microseconds(std::uint64_t cycles, std::uint64_t cycles_per_s) {
  return cycles_per_s == 0
             ? 0
             : static_cast<std::uint64_t>(static_cast<double>(cycles) * 1e6 / static_cast<double>(cycles_per_s));
}

Json worker_row(const Context& context, const WorkerInfo& worker) {
  const auto states = context.runtime.states();
  const auto share = worker.total_cycles == 0 ? 0 : worker.busy_cycles * 1000 / worker.total_cycles;
  return {{"worker", worker.index},
          {"cpu", worker.cpu},
          {"numa_node", worker.numa_node},
          {"turns", worker.turns},
          {"empty_turns", worker.empty_turns},
          {"packets", worker.packets},
          {"flows", worker.index < states.size() ? live_flows(context, *states[worker.index]) : 0},
          {"busy_percent", static_cast<double>(share) / 10},
          {"cycles_per_packet", worker.packets == 0 ? 0 : worker.busy_cycles / worker.packets},
          {"busy_us", microseconds(worker.busy_cycles, worker.cycles_per_s)},
          {"device_us", microseconds(worker.device_cycles, worker.cycles_per_s)}};
}

void list_workers(const Context& context, Listing& listing) {
  for (const auto& worker : context.runtime.workers()) {
    const auto key = number_key(worker.index);
    if (listing.is_past(key) && !listing.add(key, worker_row(context, worker))) {
      return;
    }
  }
}

/// Newest first: keys count down.
std::string newest_key(std::uint64_t number) {
  return number_key(~number);
}

void list_events(const Context& context, Listing& listing) {
  const auto& entries = context.events.entries();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto key = newest_key(entry->number);
    if (listing.is_past(key) && !listing.add(key, {{"number", entry->number},
                                                   {"time", utc_text(entry->time_ms)},
                                                   {"kind", entry->kind},
                                                   {"text", entry->text}})) {
      return;
    }
  }
}

/// Reasons that occurred, and violations even if they are none.
Json by_reason(const Context& context) {
  Json counts = Json::object();
  const auto states = context.runtime.states();
  for (std::size_t i = 0; i < path::reason_count; ++i) {
    const auto value = moves_of(states, &context.moves, i);
    if (value != 0 || i == static_cast<std::size_t>(path::Reason::violation)) {
      counts[std::string(path::reason_names[i])] = value;
    }
  }
  return counts;
}

Answer list_moves(std::string_view method, const std::deque<LoggedMove>& moves, const Json& params) {
  auto listing = Listing::begin(method, params);
  if (!listing) {
    return tl::unexpected(listing.error());
  }
  for (auto move = moves.rbegin(); move != moves.rend(); ++move) {
    const auto key = newest_key(move->number);
    if (listing->is_past(key) &&
        !listing->add(key, {{"time", utc_text(move->time_ms)},
                            {"service", move->service},
                            {"key", move->key},
                            {"from", move->from},
                            {"to", move->to},
                            {"reason", path::reason_names[static_cast<std::size_t>(move->reason)]}})) {
      break;
    }
  }
  return listing->finish();
}

Answer show_moves(Context& context, const Json& params) {
  take_moves(context);  // a client that was just served finds its move
  auto reply = list_moves("show.moves", context.moves.moves(), params);
  if (reply) {
    (*reply)["by_reason"] = by_reason(context);
  }
  return reply;
}

Answer show_violations(Context& context, const Json& params) {
  take_moves(context);
  auto reply = list_moves("show.violations", context.moves.violations(), params);
  if (reply) {
    (*reply)["by_reason"] = {{"violation", by_reason(context).at("violation")}};
  }
  return reply;
}

void list_neighbours(const Context& context, Listing& listing) {
  const auto& plan = context.configuration.plan();
  std::uint64_t number = 0;
  for (const auto& row : context.neighbours.list(context.runtime.now_ms())) {
    const auto key = number_key(++number);
    const auto index = row.interface.value();
    const bool has_mac = row.mac != net::Mac{};
    if (listing.is_past(key) &&
        !listing.add(key, {{"interface", index < plan.interfaces.size() ? plan.interfaces[index].name : ""},
                           {"address", row.address.text()},
                           {"mac", has_mac ? Json(row.mac.text()) : Json(nullptr)},
                           {"state", l3::name_of(row.state)},
                           {"age_s", row.age_ms / 1000},
                           {"gateway", row.is_gateway},
                           {"failures", row.failures}})) {
      return;
    }
  }
}

}  // namespace

void take_moves(Context& context) {
  constexpr unsigned moves_a_time = 4096;  // of each worker: its whole ring
  path::Move move;
  for (auto* state : context.runtime.states()) {
    for (unsigned i = 0; i < moves_a_time && state->to_control.moves.pop(move); ++i) {
      context.moves.add(move, context.configuration.plan(), context.configuration.slots(), context.now());
    }
  }
}

void add_node_commands(api::Dispatcher& dispatcher, Context& context) {
  const auto add = [&](std::string_view method, void (*list)(const Context&, Listing&)) {
    dispatcher.on(method,
                  listing_handler(method, [&context, list](Listing& listing, const Json&) { list(context, listing); }));
  };
  add("show.ports", list_ports);
  add("show.workers", list_workers);
  add("show.events", list_events);
  add("show.neighbors", list_neighbours);
  dispatcher.on("show.counters", [&context](const Json& params) { return show_counters(context, params); });
  dispatcher.on("show.moves", [&context](const Json& params) { return show_moves(context, params); });
  dispatcher.on("show.violations", [&context](const Json& params) { return show_violations(context, params); });
}

}  // namespace limpet::control
