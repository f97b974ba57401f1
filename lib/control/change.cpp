// apply and backend enable|drain|offline: whatever changes what runs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "api/convert.hpp"
#include "control/context.hpp"
#include "control/dry_run.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr unsigned buckets_a_step = 4096;

struct Counted {
  std::uint64_t live = 0;
  std::array<std::uint64_t, path::reason_count> moving{};  // by reason

  void count(path::Reason reason, std::uint64_t sessions) { moving[static_cast<std::size_t>(reason)] += sessions; }
  [[nodiscard]] std::uint64_t all_moving() const { return std::accumulate(moving.begin(), moving.end(), 0ULL); }
  [[nodiscard]] Json reasons() const {
    Json result = Json::object();
    for (std::size_t i = 0; i < moving.size(); ++i) {
      if (moving[i] != 0) {
        result[std::string(path::reason_names[i])] = moving[i];
      }
    }
    return result;
  }
};

Json apply_reply(const Candidate& candidate, const Counted& counted, bool applied, std::uint64_t version) {
  return {{"applied", applied},
          {"changes", api::changes_json(candidate.changes)},
          {"moving_sessions", counted.all_moving()},
          {"reasons", counted.reasons()},
          {"live_sessions", counted.live},
          {"plan_version", version}};
}

/// Whether the service keeps records: else its live flows are its sessions.
bool persists(const plan::Service& service) noexcept {
  return std::any_of(service.persist.begin(), service.persist.end(),
                     [](const auto& persist) { return persist.type != model::ProfileType::none; });
}

/// Sessions that only flows know of, in services without a profile.
void count_flows(const Context& context, const plan::Plan& before, const plan::Plan& after, Counted& counted) {
  std::set<std::uint32_t> pools;  // of services without a profile
  for (const auto& service : before.services) {
    if (!persists(service)) {
      service.each_branch([&](std::uint32_t pool, const auto&) { pools.insert(pool); });
    }
  }
  for (const auto pool : pools) {
    for (const auto& backend : before.pools[pool].backends) {
      const auto flows = context.accounts.counts(backend.slot).flows;
      counted.live += flows;
      counted.count(path::Reason::backend_removed, after.backend(backend.slot) == nullptr ? flows : 0);
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
    cursor_ = context_.runtime.records().walk(
        cursor_, buckets_a_step, [&](const record::Key& key, const record::Record& record) { look_at(key, record); });
    if (!cursor_.done) {
      return false;
    }
    count_flows(context_, *before_, *candidate_.plan, counted_);
    finish();
    return true;
  }

 private:
  void look_at(const record::Key& key, const record::Record& record) {
    if (record.provisional) {
      return;
    }
    ++counted_.live;
    if (const auto reason = mover_.judge(key, record)) {
      counted_.count(*reason, 1);
    }
  }
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
                                             candidate_.changes.size(), counted_.all_moving(), counted_.live));
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
                                            context.runtime.device_macs(), context.now()),
              dry_run, told);
}

/// The plan's backend of that name; the error lists none.
tl::expected<const plan::Backend*, api::RpcError> find_backend(const Context& context, const std::string& name) {
  const auto slot = context.configuration.slots().backends.find(name);
  const auto* backend = slot ? context.configuration.plan().backend(BackendSlot(*slot)) : nullptr;
  if (backend == nullptr) {
    return api::reject(api::Code::not_found, "no backend \"{}\" (show backends lists them)", name);
  }
  return backend;
}

Answer set_admin(Context& context, const Json& params, model::AdminState state) {
  const auto& name = params.at("backend").get_ref<const std::string&>();
  if (const auto found = find_backend(context, name); !found) {
    return tl::unexpected(found.error());
  }
  const auto now = context.now();
  AdminWord word{state};
  if (params.contains("for")) {
    word.until_ms =
        now.unix_ms + static_cast<std::int64_t>(*model::parse_duration(params.at("for").get_ref<const std::string&>()));
  }
  const auto before = context.life.set_admin(name, word, now);
  if (!before) {
    return api::reject(api::Code::refused, "can't keep it over a restart, so nothing was changed: {}",
                       before.error().text);
  }
  context.events.add(
      "admin", fmt::format("{}: {}{} (was {})", name, admin_text(state),
                           word.until_ms == 0 ? "" : " until " + utc_text(word.until_ms), admin_text(before->state)));
  return Json{{"backend", name},
              {"before", admin_text(before->state)},
              {"state", admin_text(state)},
              {"until", word.until_ms == 0 ? Json(nullptr) : Json(utc_text(word.until_ms))}};
}

/// The running model without one backend.
void remove_backend(Context& context, const Json& params, const Done& done) {
  const auto& name = params.at("backend").get_ref<const std::string&>();
  if (const auto found = find_backend(context, name); !found) {
    return done(tl::unexpected(found.error()));
  }
  model::Model model = context.configuration.model();
  const auto slash = name.find('/');
  model.pools.at(name.substr(0, slash)).backends.erase(name.substr(slash + 1));
  begin_apply(context, context.configuration.prepare(std::move(model), context.runtime.device_macs(), context.now()),
              params.value("dry_run", false), done);
}

void forget_removed(Context& context, const plan::Plan& before, const plan::Plan& after) {
  std::vector<std::string> removed;
  for (const auto& pool : before.pools) {
    for (const auto& backend : pool.backends) {
      if (after.backend(backend.slot) == nullptr) {
        removed.push_back(backend.name);
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
  context.life.adopt(*plan, candidate.model, before.get(), context.now());
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
  begin_apply(context, context.configuration.prepare(*loaded.model, context.runtime.device_macs(), context.now()),
              false, report);
}

void add_change_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on_later("apply", [&context](const Json& params, const Done& done) { apply(context, params, done); });
  dispatcher.on_later("backend.remove",
                      [&context](const Json& params, const Done& done) { remove_backend(context, params, done); });
  const auto add = [&](std::string_view method, model::AdminState state) {
    dispatcher.on(method, [&context, state](const Json& params) { return set_admin(context, params, state); });
  };
  add("backend.enable", model::AdminState::enabled);
  add("backend.drain", model::AdminState::drain);
  add("backend.offline", model::AdminState::offline);
}

}  // namespace limpet::control
