// show services, show pools, show profiles, show backends, config show, config schema, config check, version.
#include <unistd.h>

#include <cmath>

#include "api/convert.hpp"
#include "control/context.hpp"
#include "control/learn.hpp"
#include "control/listing.hpp"
#include "model/schema.hpp"

namespace limpet::control {
namespace {

using api::Json;

/// As the file writes it.
template <class Word>
std::string_view word_of(std::string_view section, std::string_view name, Word word) {
  for (const auto& row : model::schema()) {
    if (row.section == section && row.name == name) {
      return row.words[static_cast<std::size_t>(word)];
    }
  }
  return {};
}

std::size_t taking(const Context& context, const plan::Pool& pool) {
  std::size_t count = 0;
  for (const auto& backend : pool.backends) {
    count += context.runtime.backends().takes_new(backend.slot) ? 1 : 0;
  }
  return count;
}

/// New flows refused since the gate was first set.
Json refused(const plan::Gate* gate, std::initializer_list<plan::Admission> reasons) {
  std::uint64_t sum = 0;
  for (const auto reason : reasons) {
    sum += gate == nullptr ? 0 : gate->use->counted(reason);
  }
  return sum;
}

Json service_row(const Context& context, const plan::Plan& plan, std::uint32_t index) {
  const auto& service = plan.services[index];
  const auto& pool = plan.pool_of(service);
  Json listens = Json::array();
  for (const auto& listen : context.configuration.model().services.at(service.name).listen) {
    listens.push_back(listen.text());
  }
  Json persist = Json::array();
  for (const auto& profile : service.persist) {
    persist.push_back(profile.profile);
  }
  Json routes = Json::array();
  for (const auto& rule : service.routing == nullptr ? std::vector<plan::Rule>{} : service.routing->rules()) {
    const auto to = rule.branch == plan::Rule::own ? service.pool : service.routing->branches[rule.branch].pool;
    routes.push_back(fmt::format("{}: {}", rule.text, plan.pools[to].name));
  }
  return {{"name", service.name},
          {"listen", std::move(listens)},
          {"forwarding", model::forwarding_name(service.forwarding)},
          {"pool", pool.name},
          {"routes", std::move(routes)},
          {"persist", std::move(persist)},
          {"backends_up", taking(context, pool)},
          {"backends", pool.backends.size()},
          {"denied", refused(service.gate.get(), {plan::Admission::denied})},
          {"limited", refused(service.gate.get(), {plan::Admission::limit_service, plan::Admission::limit_source,
                                                   plan::Admission::limit_connections})}};
}

/// What one backend carries of its pool, and what it ought to.
struct Load {
  std::string_view name;
  double weight = 0;  // 0: takes nothing new
  BackendCounts counts;
};

double percent(double part, double whole) {
  return whole == 0 ? 0 : std::round(part / whole * 1000) / 10;
}

/// How many times its share by weight the fullest backend carries: 1 is even. Nothing: there is nothing to share.
Json skew(const std::vector<Load>& loads, std::uint64_t BackendCounts::*of) {
  double all = 0;
  double weights = 0;
  for (const auto& load : loads) {
    all += load.weight > 0 ? static_cast<double>(load.counts.*of) : 0;
    weights += load.weight;
  }
  if (all == 0) {
    return nullptr;
  }
  double most = 0;
  for (const auto& load : loads) {
    most = load.weight > 0 ? std::max(most, static_cast<double>(load.counts.*of) / load.weight) : most;
  }
  return std::round(most * weights / all * 1000) / 1000;
}

std::vector<Load> loads_of(const Context& context, const plan::Pool& pool) {
  std::vector<Load> loads;
  for (const auto& backend : pool.backends) {
    const auto& states = context.runtime.backends();
    const double weight = states[backend.slot].weight.load(std::memory_order_relaxed);
    loads.push_back({backend.name, states.takes_new(backend.slot) ? weight / plan::weight_one : 0,
                     context.accounts.counts(backend.slot)});
  }
  return loads;
}

Json pool_row(const Context& context, const plan::Pool& pool) {
  const auto& declared = context.configuration.model().pools.at(pool.name);
  Json monitors = Json::array();
  for (const auto& monitor : declared.monitors) {
    monitors.push_back(monitor.type == model::MonitorType::http ? "http" : "tcp");
  }
  const auto loads = loads_of(context, pool);
  Load all;
  for (const auto& load : loads) {
    all.weight += load.weight;
    all.counts.sessions += load.counts.sessions;
    all.counts.connections += load.counts.connections;
  }
  const auto part = [](std::uint64_t of, std::uint64_t whole) {
    return percent(static_cast<double>(of), static_cast<double>(whole));
  };
  Json shares = Json::array();
  for (const auto& load : loads) {
    shares.push_back({{"backend", load.name},
                      {"weight_percent", percent(load.weight, all.weight)},
                      {"sessions_percent", part(load.counts.sessions, all.counts.sessions)},
                      {"connections_percent", part(load.counts.connections, all.counts.connections)}});
  }
  return {{"name", pool.name},
          {"algorithm", word_of("pools.NAME", "algorithm", pool.algorithm)},
          {"monitors", std::move(monitors)},
          {"backends_up", taking(context, pool)},
          {"backends", pool.backends.size()},
          {"sessions", all.counts.sessions},
          {"connections", all.counts.connections},
          {"sessions_skew", skew(loads, &BackendCounts::sessions)},
          {"connections_skew", skew(loads, &BackendCounts::connections)},
          {"shares", std::move(shares)}};
}

bool asks(const plan::Service& service, std::string_view profile) {
  return std::any_of(service.persist.begin(), service.persist.end(),
                     [&](const plan::Persist& persist) { return persist.profile == profile; });
}

Json profile_row(const plan::Plan& plan, const std::string& name, const model::Profile& profile) {
  Json services = Json::array();
  for (const auto& service : plan.services) {
    if (asks(service, name)) {
      services.push_back(service.name);
    }
  }
  Json row = {{"name", name},
              {"type", word_of("profiles.NAME", "type", profile.type)},
              {"by", model::by_name(profile.by)},
              {"services", std::move(services)}};
  const plan::ProfileUse& use = *plan.profile_uses.at(name);
#define LIMPET_PROFILE_COUNT(counter, title, help) row[#counter] = use.sum(counters::ProfileCounter::counter);
#include "counters/profile_counters.def"
#undef LIMPET_PROFILE_COUNT
  return row;
}

Json time_or_null(std::int64_t time_ms) {
  return time_ms == 0 ? Json(nullptr) : Json(utc_text(time_ms));
}

Json backend_row(const Context& context, const plan::Backend& backend) {
  const auto& state = context.runtime.backends()[backend.slot];
  Json addresses = Json::array();
  for (const auto& endpoint : backend.endpoints) {
    if (!endpoint.address.is_none()) {
      addresses.push_back(endpoint.text());
    }
  }
  const auto shown = context.life.shown(backend.name);
  const auto counts = context.accounts.counts(backend.slot);
  const double weight = static_cast<double>(state.weight.load(std::memory_order_relaxed)) / plan::weight_one;
  return {{"name", backend.name},
          {"address", std::move(addresses)},
          {"weight", backend.weight},
          {"weight_now", std::round(weight * 10) / 10},
          {"state", admin_text(state.admin.load(std::memory_order_relaxed))},
          {"until", time_or_null(shown.until_ms)},
          {"health", state.health.load(std::memory_order_relaxed) == plan::Health::up ? "up" : "down"},
          {"since", time_or_null(shown.since_ms)},
          {"sessions", counts.sessions},
          {"connections", counts.connections},
          {"options", accepts_text(plan::Accepts::unpacked(state.accepts.load(std::memory_order_relaxed)))},
          {"detail", shown.detail}};
}

void list_services(const Context& context, Listing& listing) {
  const auto& plan = context.configuration.plan();
  for (std::uint32_t i = 0; i < plan.services.size(); ++i) {
    const auto& name = plan.services[i].name;
    if (listing.is_past(name) && !listing.add(name, service_row(context, plan, i))) {
      return;
    }
  }
}

void list_pools(const Context& context, Listing& listing) {
  for (const auto& pool : context.configuration.plan().pools) {
    if (listing.is_past(pool.name) && !listing.add(pool.name, pool_row(context, pool))) {
      return;
    }
  }
}

void list_profiles(const Context& context, Listing& listing) {
  for (const auto& [name, profile] : context.configuration.model().profiles) {
    if (listing.is_past(name) && !listing.add(name, profile_row(context.configuration.plan(), name, profile))) {
      return;
    }
  }
}

// The key is the place in the plan: '/' sorts in the middle of what names may hold.
void list_backends(const Context& context, Listing& listing) {
  std::uint64_t number = 0;
  for (const auto& pool : context.configuration.plan().pools) {
    for (const auto& backend : pool.backends) {
      const auto key = number_key(++number);
      if (listing.is_past(key) && !listing.add(key, backend_row(context, backend))) {
        return;
      }
    }
  }
}

Json version(const Context& context) {
  return {{"version", LIMPET_VERSION},
          {"pid", getpid()},
          {"started", utc_text(context.started_ms)},
          {"plan_version", context.configuration.plan().version}};
}

}  // namespace

void add_model_commands(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on("show.services", listing_handler("show.services", [&context](Listing& listing, const Json&) {
                  list_services(context, listing);
                }));
  dispatcher.on("show.pools", listing_handler("show.pools", [&context](Listing& listing, const Json&) {
                  list_pools(context, listing);
                }));
  dispatcher.on("show.profiles", listing_handler("show.profiles", [&context](Listing& listing, const Json&) {
                  list_profiles(context, listing);
                }));
  dispatcher.on("show.backends", listing_handler("show.backends", [&context](Listing& listing, const Json&) {
                  list_backends(context, listing);
                }));
  dispatcher.on("config.show", [&context](const Json& params) -> Answer {
    const auto detail = params.value("all", false) ? model::Detail::all : model::Detail::changed;
    return Json{{"text", model::to_toml(context.configuration.model(), detail)}};
  });
  dispatcher.on("config.schema", [](const Json&) -> Answer { return api::schema_json(); });
  dispatcher.on("config.check", [](const Json& params) -> Answer {
    const auto loaded = model::load_text(params.at("text").get_ref<const std::string&>(),
                                         params.value("file_name", std::string("configuration")));
    if (!loaded.model) {
      return tl::unexpected(api::configuration_error(loaded.problems));
    }
    return Json{{"valid", true}};
  });
  dispatcher.on("version", [&context](const Json&) -> Answer { return version(context); });
}

}  // namespace limpet::control
