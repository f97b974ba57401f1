// show services, show pools, show backends, config show, config schema, config check, version.
#include <unistd.h>

#include "api/convert.hpp"
#include "control/context.hpp"
#include "control/listing.hpp"

namespace limpet::control {
namespace {

using api::Json;

std::size_t taking(const Context& context, const plan::Pool& pool) {
  std::size_t count = 0;
  for (const auto& backend : pool.backends) {
    count += context.runtime.backends().takes_new(backend.slot) ? 1 : 0;
  }
  return count;
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
  return {{"name", service.name},
          {"listen", std::move(listens)},
          {"forwarding", service.forwarding == model::Forwarding::nat ? "nat" : "dr"},
          {"pool", pool.name},
          {"persist", std::move(persist)},
          {"backends_up", taking(context, pool)},
          {"backends", pool.backends.size()}};
}

Json pool_row(const Context& context, const plan::Pool& pool) {
  const auto& declared = context.configuration.model().pools.at(pool.name);
  Json monitors = Json::array();
  for (const auto& monitor : declared.monitors) {
    monitors.push_back(monitor.type == model::MonitorType::http ? "http" : "tcp");
  }
  std::uint64_t sessions = 0;
  for (const auto& backend : pool.backends) {
    sessions += context.accounts.counts(backend.slot).sessions;
  }
  return {{"name", pool.name},
          {"algorithm", "rendezvous"},
          {"monitors", std::move(monitors)},
          {"backends_up", taking(context, pool)},
          {"backends", pool.backends.size()},
          {"sessions", sessions}};
}

std::string_view admin_word(plan::Admin admin) {
  return admin == plan::Admin::enabled ? "enabled" : admin == plan::Admin::drain ? "drain" : "offline";
}

Json backend_row(const Context& context, const plan::Backend& backend) {
  const auto& state = context.runtime.backends()[backend.slot];
  Json addresses = Json::array();
  for (const auto& endpoint : backend.endpoints) {
    if (!endpoint.address.is_none()) {
      addresses.push_back(endpoint.text());
    }
  }
  const auto since = context.health_since.find(backend.name);
  return {{"name", backend.name},
          {"address", std::move(addresses)},
          {"weight", state.weight.load(std::memory_order_relaxed) / plan::weight_one},
          {"state", admin_word(state.admin.load(std::memory_order_relaxed))},
          {"health", state.health.load(std::memory_order_relaxed) == plan::Health::up ? "up" : "down"},
          {"since", since == context.health_since.end() ? Json(nullptr) : Json(utc_text(since->second))},
          {"sessions", context.accounts.counts(backend.slot).sessions},
          {"detail", context.monitors.why(backend.name)}};
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
