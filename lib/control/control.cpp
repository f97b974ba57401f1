#include "control/control.hpp"

#include <event2/thread.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "control/context.hpp"
#include "control/local_ports.hpp"
#include "control/server.hpp"
#include "plan/own_token.hpp"

namespace limpet::control {
namespace {

constexpr Millis tick_ms = 10;
constexpr Millis busy_tick_ms = 1;             // while a job or an unresolved neighbour waits
constexpr unsigned items_a_tick = 1024;        // taken from each ring of each worker
constexpr std::int64_t clock_error_max_s = 1;  // of two moments' unix_at_zero_s(), each rounded
constexpr Millis renewal_pause_ms = 10'000;

Base make_base() {
  evthread_use_pthreads();
  return Base(event_base_new());
}

Result<void> make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail("state_dir {}: {}; make it or set limpetd.state_dir", path, std::strerror(errno));
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return fail("state_dir {}: {}; it must be writable for limpetd", path, std::strerror(errno));
  }
  return {};
}

}  // namespace

struct Control::Parts {
  Parts(Runtime& the_runtime, model::Model model, std::string path, const hash::Secret& secret);

  Result<void> start();
  int run();
  void tick();
  void drain(path::State& state, Moment now);
  void on_signal(int signal);
  bool answers_for(InterfaceIndex interface, const net::IpAddress& address) const;
  void send(InterfaceIndex interface, std::span<const std::uint8_t> bytes);
  void finish_tasks();
  void renew_plan(const Moment& now);

  Runtime& runtime;
  std::string config_path;
  Base base;
  EventLog events;
  Configuration configuration;
  AdminStore admin;
  Monitors monitors;
  BackendLife life;
  Accounts accounts;
  LocalPortWatch local_ports;
  MoveLog moves;
  l3::Neighbours neighbours;
  Jobs jobs;
  Links links;
  Context context;
  api::Dispatcher dispatcher;
  Server server;
  std::vector<std::unique_ptr<Event>> signals;
  std::unique_ptr<Event> timer;
  std::unique_ptr<Event> stopped;  // activated by stop(), from any thread
  Millis neighbour_traffic_ms = 0;
  Millis next_renewal_ms = 0;
};

Control::Parts::Parts(Runtime& the_runtime, model::Model model, std::string path, const hash::Secret& secret)
    : runtime(the_runtime),
      config_path(std::move(path)),
      base(make_base()),
      configuration(std::move(model), secret, runtime.recovered_slots()),
      admin(configuration.model().limpetd.state_dir),
      monitors(
          base.get(), [this](const HealthChange& change) { life.on_monitor(change, context.now()); },
          [this](const std::string& backend) { life.on_learnt(backend); }),
      life(runtime, monitors, admin, events),
      accounts(runtime, configuration),
      local_ports(runtime, configuration, events),
      neighbours(
          runtime.adjacencies(),
          [this](InterfaceIndex interface, std::span<const std::uint8_t> bytes) { send(interface, bytes); },
          [this](InterfaceIndex interface, const net::IpAddress& address) { return answers_for(interface, address); }),
      context{runtime, configuration, events, monitors, admin, life, accounts, moves, neighbours, jobs, links, 0},
      server(base.get(), dispatcher, events) {
  add_model_commands(dispatcher, context);
  add_node_commands(dispatcher, context);
  add_flow_commands(dispatcher, context);
  add_held_command(dispatcher, context);
  add_memory_command(dispatcher, context);
  add_local_port_command(dispatcher, context);
  add_record_list_commands(dispatcher, context);
  add_record_edit_commands(dispatcher, context);
  add_change_commands(dispatcher, context);
  add_why_command(dispatcher, context);
  LIMPET_ASSERT(dispatcher.missing().empty());
  stopped = std::make_unique<Event>(base.get(), -1, 0, [this](short) { event_base_loopbreak(base.get()); });
}

Result<void> Control::Parts::start() {
  context.started_ms = unix_ms();
  const auto& daemon = configuration.model().limpetd;
  if (auto made = make_directory(daemon.state_dir); !made) {
    return made;
  }
  if (auto loaded = admin.load(); !loaded) {
    events.add("admin", loaded.error().text);
  }
  for (const auto& note : runtime.notes()) {
    events.add("tables", note);
  }
  auto plan = configuration.compile_first(runtime.device_macs(), context.now());
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  // The socket first: it tells whether another daemon runs, before anything is changed.
  if (auto listening = server.listen(daemon.socket); !listening) {
    return listening;
  }
  if (auto saved = runtime.save_slots(configuration.slots()); !saved) {
    return saved;
  }
  accounts.on_recovered();
  monitors.reconcile(configuration.model());
  life.adopt(**plan, configuration.model(), nullptr, context.now());
  runtime.publish(*plan);
  set_neighbours(context, **plan, configuration.model(), nullptr);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    signals.push_back(std::make_unique<Event>(base.get(), number, EV_SIGNAL | EV_PERSIST,
                                              [this, number](short) { on_signal(number); }));
    signals.back()->add();
  }
  timer = std::make_unique<Event>(base.get(), -1, 0, [this](short) { tick(); });
  timer->add(0);
  events.add("daemon", fmt::format("started, version {}, {}", LIMPET_VERSION, config_path));
  return {};
}

int Control::Parts::run() {
  event_base_dispatch(base.get());
  finish_tasks();
  events.add("daemon", "stopped");
  return 0;
}

void Control::Parts::on_signal(int signal) {
  if (signal == SIGHUP) {
    return reload(context, config_path);
  }
  event_base_loopbreak(base.get());
}

void Control::Parts::tick() {
  const Moment now = context.now();
  for (auto* state : runtime.states()) {
    drain(*state, now);
  }
  take_moves(context);
  neighbours.tick(now.boot_ms);
  tell_gateways(context);
  watch_links(context);
  life.tick(now);
  accounts.tick(now.boot_ms);
  local_ports.tick(now.boot_ms);
  renew_plan(now);
  jobs.step();
  constexpr Millis lively_ms = 100;
  const bool busy = !jobs.empty() || now.boot_ms < neighbour_traffic_ms + lively_ms;
  timer->add(busy ? busy_tick_ms : tick_ms);
}

/// Workers know the wall clock by the plan: a new one is due when it has been set. So it is in a new epoch, long before
/// the keys that the plan has, of its own epoch and those beside it, are too few.
void Control::Parts::renew_plan(const Moment& now) {
  const std::int64_t ahead_s = now.unix_at_zero_s() - configuration.plan().unix_at_zero_s;
  const bool was_set = std::abs(ahead_s) > clock_error_max_s;
  const bool is_new_epoch = plan::cookie_epoch_at(now.unix_ms / 1000) != configuration.plan().cookie_epoch;
  if ((!was_set && !is_new_epoch) || now.boot_ms < next_renewal_ms) {
    return;
  }
  next_renewal_ms = now.boot_ms + renewal_pause_ms;
  auto candidate = configuration.prepare(configuration.model(), runtime.device_macs(), now);
  if (!candidate) {
    return events.add("apply", fmt::format("no plan for the time of day: {}", candidate.error().message));
  }
  if (was_set) {
    events.add("daemon",
               fmt::format("the wall clock was set {} s {}", std::abs(ahead_s), ahead_s < 0 ? "back" : "ahead"));
  }
  switch_to(context, std::move(*candidate));
}

void Control::Parts::drain(path::State& state, Moment now) {
  l3::Frame frame;
  for (unsigned i = 0; i < items_a_tick && state.to_control.frames.pop(frame); ++i) {
    if (frame.interface.value() < configuration.plan().interfaces.size() && frame.size <= frame.bytes.size()) {
      neighbours.on_frame(frame.interface, frame.view(), now.boot_ms);
    }
  }
  l3::Want want;
  for (unsigned i = 0; i < items_a_tick && state.to_control.wants.pop(want); ++i) {
    neighbours.want(want.interface, want.address, now.boot_ms);
    neighbour_traffic_ms = now.boot_ms;
  }
  for (unsigned i = 0; i < items_a_tick && state.to_control.resets.pop(frame); ++i) {
    static_cast<void>(runtime.send(frame));  // no room: that side finds out by itself
  }
}

bool Control::Parts::answers_for(InterfaceIndex interface, const net::IpAddress& address) const {
  const auto& plan = configuration.plan();
  return interface.value() < plan.interfaces.size() &&
         (plan.interfaces[interface.value()].owns(address) || plan.fronts.is_vip(address));
}

void Control::Parts::send(InterfaceIndex interface, std::span<const std::uint8_t> bytes) {
  l3::Frame frame;
  if (bytes.size() > frame.bytes.size()) {
    return;
  }
  frame.interface = interface;
  frame.size = static_cast<std::uint16_t>(bytes.size());
  std::memcpy(frame.bytes.data(), bytes.data(), bytes.size());
  static_cast<void>(runtime.send(frame));  // no room: the resolver asks again
}

/// Workers still hold tasks of listings and books: lets them end while the workers run.
void Control::Parts::finish_tasks() {
  constexpr int patience = 200;
  for (int i = 0; i < patience && !(jobs.empty() && accounts.settled()); ++i) {
    jobs.step();
    usleep(1000);
  }
}

Control::Control(Runtime& runtime, model::Model model, std::string config_path, const hash::Secret& secret)
    : parts_(std::make_unique<Parts>(runtime, std::move(model), std::move(config_path), secret)) {}

Control::~Control() = default;

Result<void> Control::start() {
  return parts_->start();
}

int Control::run() {
  return parts_->run();
}

void Control::stop() {
  parts_->stopped->activate(EV_TIMEOUT);
}

}  // namespace limpet::control
