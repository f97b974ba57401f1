// What the commands of the socket may touch: the parts of control, by reference. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "api/dispatcher.hpp"
#include "control/accounts.hpp"
#include "control/admin_store.hpp"
#include "control/backend_life.hpp"
#include "control/configuration.hpp"
#include "control/event_log.hpp"
#include "control/jobs.hpp"
#include "control/links.hpp"
#include "control/monitor.hpp"
#include "control/move_log.hpp"
#include "control/runtime.hpp"
#include "l3/neighbours.hpp"

namespace limpet::control {

struct Context {
  Runtime& runtime;
  Configuration& configuration;
  EventLog& events;
  Monitors& monitors;
  AdminStore& admin;
  BackendLife& life;
  Accounts& accounts;
  MoveLog& moves;
  l3::Neighbours& neighbours;
  Jobs& jobs;
  Links& links;
  std::int64_t started_ms = 0;  // since 1970

  [[nodiscard]] Moment now() const { return {runtime.now_ms(), runtime.unix_ms()}; }
};

/// Brings backend states, monitors and neighbours in line with a candidate, publishes and commits it.
void switch_to(Context& context, Candidate candidate);
/// Static neighbours, interfaces, and announcements of addresses that are new.
void set_neighbours(Context& context, const plan::Plan& plan, const model::Model& model, const plan::Plan* before);

/// What has become of links goes into the event log; on one that has come up our addresses are announced again.
void watch_links(Context& context);
/// What has become of gateways goes into the event log.
void tell_gateways(Context& context);

/// Takes what workers have told of moves into the log.
void take_moves(Context& context);

/// Applies the file, as the command apply does; what is wrong is told by events alone.
void reload(Context& context, const std::string& path);

/// Handlers, by the file they are in.
void add_model_commands(api::Dispatcher& dispatcher, Context& context);  // show services, pools, backends; config
void add_node_commands(api::Dispatcher& dispatcher, Context& context);   // counters, ports, workers, events, ...
void add_flow_commands(api::Dispatcher& dispatcher, Context& context);
void add_held_command(api::Dispatcher& dispatcher, Context& context);
void add_local_port_command(api::Dispatcher& dispatcher, Context& context);
void add_memory_command(api::Dispatcher& dispatcher, Context& context);
void add_record_list_commands(api::Dispatcher& dispatcher, Context& context);  // list, show, dump
void add_record_edit_commands(api::Dispatcher& dispatcher, Context& context);  // set, clear, load
void add_change_commands(api::Dispatcher& dispatcher, Context& context);       // apply, backend *
void add_why_command(api::Dispatcher& dispatcher, Context& context);

}  // namespace limpet::control
