// apply and backend enable|drain|offline: whatever changes what runs.
#include <fmt/format.h>

#include "api/convert.hpp"
#include "control/context.hpp"
#include "control/dry_run.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned buckets_a_step = 4096;

plan::Admin admin_of(model::AdminState state) {
  return state == model::AdminState::enabled ? plan::Admin::enabled
         : state == model::AdminState::drain ? plan::Admin::drain
                                             : plan::Admin::offline;
}

model::AdminState admin_of(plan::Admin admin) {
  return admin == plan::Admin::enabled ? model::AdminState::enabled
         : admin == plan::Admin::drain ? model::AdminState::drain
                                       : model::AdminState::offline;
}

struct Counted {
  std::uint64_t live = 0;
  std::uint64_t moving = 0;
};

Json apply_reply(const Candidate& candidate, const Counted& counted, bool applied, std::uint64_t version) {
  return {{"applied", applied},
          {"changes", api::changes_json(candidate.changes)},
          {"moving_sessions", counted.moving},
          {"live_sessions", counted.live},
          {"plan_version", version}};
}

/// Sessions that only flows know of, in services without a profile.
void count_flows(const Context& context, const plan::Plan& before, const plan::Plan& after, Counted& counted) {
  std::set<std::uint32_t> pools;  // of services without a profile
  for (const auto& service : before.services) {
    if (service.persist.empty()) {
      pools.insert(service.pool);
    }
  }
  for (const auto pool : pools) {
    for (const auto& backend : before.pools[pool].backends) {
      const auto flows = context.accounts.counts(backend.slot).flows;
      counted.live += flows;
      counted.moving += after.backend(backend.slot) == nullptr ? flows : 0;
    }
  }
}

/// Counts in slices what the candidate would move; then replies, or switches and replies.
class ApplyJob : public Job {
 public:
  ApplyJob(Context& context, Candidate candidate, bool dry_run, Done done)
      : context_(context),
        candidate_(std::move(candidate)),
        before_(context.configuration.shared_plan()),
        mover_(*before_, *candidate_.plan),
        dry_run_(dry_run),
        done_(std::move(done)) {}

  bool step() override {
    cursor_ = context_.runtime.records().walk(cursor_, buckets_a_step,
                                              [&](const record::Key& key, const record::Record& record) {
                                                if (!record.provisional) {
                                                  ++counted_.live;
                                                  counted_.moving += mover_.judge(key, record) ? 1 : 0;
                                                }
                                              });
    if (!cursor_.done) {
      return false;
    }
    count_flows(context_, *before_, *candidate_.plan, counted_);
    finish();
    return true;
  }

 private:
  void finish() {
    if (context_.configuration.shared_plan() != before_) {
      return done_(api::reject(api::Code::busy, "another apply came first; nothing was changed, try again"));
    }
    const auto version = context_.configuration.plan().version;
    if (dry_run_) {
      return done_(apply_reply(candidate_, counted_, false, version));
    }
    if (const auto saved = context_.runtime.save_slots(candidate_.slots); !saved) {
      return done_(api::reject(api::Code::refused, "{}; nothing was changed", saved.error().text));
    }
    const Json reply = apply_reply(candidate_, counted_, true, version + 1);
    context_.events.add("apply", fmt::format("plan {}: {} changes, {} of {} sessions move", version + 1,
                                             candidate_.changes.size(), counted_.moving, counted_.live));
    switch_to(context_, std::move(candidate_));
    done_(reply);
  }

  Context& context_;
  Candidate candidate_;
  std::shared_ptr<const plan::Plan> before_;
  Mover mover_;
  bool dry_run_;
  Done done_;
  Counted counted_;
  record::Cursor cursor_;
};

void begin_apply(Context& context, tl::expected<Candidate, api::RpcError> candidate, bool dry_run, const Done& done) {
  if (!candidate) {
    return done(tl::unexpected(candidate.error()));
  }
  if (!context.jobs.add(std::make_unique<ApplyJob>(context, std::move(*candidate), dry_run, done))) {
    done(api::reject(api::Code::busy, "too many long requests are being worked on; try again"));
  }
}

void apply(Context& context, const Json& params, const Done& done) {
  const bool dry_run = params.value("dry_run", false);
  const auto file_name = params.value("file_name", std::string("configuration"));
  const auto told = [&context, dry_run, file_name, done](const Answer& answer) {
    if (!answer && !dry_run) {
      context.events.add("apply", fmt::format("{} refused: {}", file_name, answer.error().message));
    }
    done(answer);
  };
  begin_apply(context,
              context.configuration.prepare(params.at("text").get_ref<const std::string&>(), file_name,
                                            context.runtime.device_macs()),
              dry_run, told);
}

Answer set_admin(Context& context, const std::string& name, model::AdminState state) {
  const auto slot = context.configuration.slots().backends.find(name);
  if (!slot || context.configuration.plan().backend(BackendSlot(*slot)) == nullptr) {
    return api::reject(api::Code::not_found, "no backend \"{}\" (show backends lists them)", name);
  }
  if (auto kept = context.admin.set(name, {state}); !kept) {
    return api::reject(api::Code::refused, "can't keep it over a restart, so nothing was changed: {}",
                       kept.error().text);
  }
  auto& admin = context.runtime.backends()[BackendSlot(*slot)].admin;
  const auto before = admin_of(admin.exchange(admin_of(state), std::memory_order_relaxed));
  context.events.add("admin", fmt::format("{}: {} (was {})", name, admin_text(state), admin_text(before)));
  return Json{{"backend", name}, {"before", admin_text(before)}, {"state", admin_text(state)}};
}

void set_backend_state(Context& context, const plan::Backend& backend, const model::Backend& declared, bool fresh) {
  auto& state = context.runtime.backends()[backend.slot];
  state.weight.store(declared.weight * plan::weight_one, std::memory_order_relaxed);
  const bool up = context.monitors.up(backend.name).value_or(true);
  const auto health = up ? plan::Health::up : plan::Health::down;
  if (state.health.exchange(health, std::memory_order_relaxed) != health || fresh) {
    context.health_since[backend.name] = unix_ms();
  }
  if (fresh) {
    const auto word = context.admin.find(backend.name).value_or(AdminWord{declared.state}).state;
    state.admin.store(admin_of(word), std::memory_order_relaxed);
    state.sessions.store(0, std::memory_order_relaxed);
  }
}

/// The addresses that Limpet answers for on an interface: its own, and VIPs of the networks it is in.
std::set<net::IpAddress> announced_on(const plan::Plan& plan, const plan::Interface& interface) {
  std::set<net::IpAddress> result;
  for (const auto& prefix : interface.addresses) {
    result.insert(prefix.address);
    for (const auto& vip : plan.fronts.vips()) {
      if (prefix.contains(vip)) {
        result.insert(vip);
      }
    }
  }
  return result;
}

/// What the interface of that name announced in the plan before.
std::set<net::IpAddress> announced_before(const plan::Plan* before, const std::string& name) {
  if (before != nullptr) {
    for (const auto& interface : before->interfaces) {
      if (interface.name == name) {
        return announced_on(*before, interface);
      }
    }
  }
  return {};
}

void add_static(const model::Interface& declared, InterfaceIndex index, std::vector<l3::StaticNeighbour>& entries) {
  for (const auto& [address, mac] : declared.neighbors) {
    entries.push_back({index, address, mac});
  }
}

/// In the order in which the plan numbers its interfaces.
std::vector<l3::StaticNeighbour> static_neighbours(const model::Model& model) {
  std::vector<l3::StaticNeighbour> entries;
  std::uint16_t index = 0;
  for (const auto& [name, port] : model.ports) {
    add_static(port, InterfaceIndex(index++), entries);
    for (const auto& [id, vlan] : port.vlans) {
      add_static(vlan, InterfaceIndex(index++), entries);
    }
  }
  return entries;
}

}  // namespace

void set_backend_states(Context& context, const plan::Plan& plan, const model::Model& model, const plan::Plan* before) {
  for (const auto& pool : plan.pools) {
    const auto& declared = model.pools.at(pool.name);
    for (const auto& backend : pool.backends) {
      const auto name = backend.name.substr(pool.name.size() + 1);
      const bool fresh = before == nullptr || before->backend(backend.slot) == nullptr;
      set_backend_state(context, backend, declared.backends.at(name), fresh);
    }
  }
}

void set_neighbours(Context& context, const plan::Plan& plan, const model::Model& model, const plan::Plan* before) {
  context.neighbours.on_interfaces(plan.interfaces);
  context.neighbours.replace_static(static_neighbours(model), context.runtime.now_ms());
  for (std::size_t i = 0; i < plan.interfaces.size(); ++i) {
    const auto known = announced_before(before, plan.interfaces[i].name);
    std::vector<net::IpAddress> fresh;
    for (const auto& address : announced_on(plan, plan.interfaces[i])) {
      if (!known.contains(address)) {
        fresh.push_back(address);
      }
    }
    context.neighbours.announce(InterfaceIndex(static_cast<std::uint16_t>(i)), fresh);
  }
}

namespace {

void forget_removed(Context& context, const plan::Plan& before, const plan::Plan& after) {
  std::vector<std::string> removed;
  for (const auto& pool : before.pools) {
    for (const auto& backend : pool.backends) {
      if (after.backend(backend.slot) == nullptr) {
        removed.push_back(backend.name);
        context.health_since.erase(backend.name);
      }
    }
  }
  if (const auto done = context.admin.forget(removed); !done) {
    context.events.add("admin", fmt::format("states of removed backends stay known: {}", done.error().text));
  }
}

}  // namespace

void switch_to(Context& context, Candidate candidate) {
  const auto before = context.configuration.shared_plan();
  const auto plan = candidate.plan;
  context.monitors.reconcile(candidate.model);
  set_backend_states(context, *plan, candidate.model, before.get());
  context.runtime.publish(plan);
  context.configuration.commit(std::move(candidate));
  context.accounts.on_replaced(*before, *plan);
  set_neighbours(context, *plan, context.configuration.model(), before.get());
  forget_removed(context, *before, *plan);
}

void reload(Context& context, const std::string& path) {
  const auto report = [&context, path](const Answer& answer) {
    if (!answer) {
      context.events.add("apply", fmt::format("reload of {} changed nothing: {}", path, answer.error().message));
      const auto& data = answer.error().data;
      for (const auto& problem : data.is_object() ? data.value("problems", Json::array()) : Json::array()) {
        context.events.add("apply", problem.value("text", std::string()));
      }
    }
  };
  const auto loaded = model::load_file(path);
  if (!loaded.model) {
    return report(tl::unexpected(api::configuration_error(loaded.problems)));
  }
  begin_apply(context, context.configuration.prepare(*loaded.model, context.runtime.device_macs()), false, report);
}

void add_change_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("apply", [&context](const Json& params, const Done& done) { apply(context, params, done); });
  const auto add = [&](std::string_view method, model::AdminState state) {
    dispatcher.on(method, [&context, state](const Json& params) {
      return set_admin(context, params.at("backend").get_ref<const std::string&>(), state);
    });
  };
  add("backend.enable", model::AdminState::enabled);
  add("backend.drain", model::AdminState::drain);
  add("backend.offline", model::AdminState::offline);
}

}  // namespace limpet::control
