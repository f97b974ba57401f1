#include "control/local_ports.hpp"

#include <set>

#include "api/convert.hpp"
#include "control/context.hpp"
#include "control/listing.hpp"
#include "path/locals.hpp"

namespace limpet::control {
namespace {

using api::Json;

constexpr Millis look_every_ms = 1000;
constexpr unsigned plenty_percent = 70;  // below it local ports are no longer scarce

void count(LocalPortUse& use, const plan::Service& service, EndpointSlot slot, const hash::Owner& owner,
           const std::vector<path::State*>& states) {
  const net::Family family = use.endpoint.address.family();
  use.addresses = service.locals[static_cast<std::size_t>(family)].size();
  for (const path::State* state : states) {
    const std::uint64_t ports = path::local_ports_of(owner, state->index, service, family);
    const std::uint64_t taken = state->local_ports[slot.value()].load(std::memory_order_relaxed);
    use.ports += ports;
    use.taken += taken;
    if (ports != 0) {
      use.fullest_percent = std::max(use.fullest_percent, static_cast<unsigned>(taken * 100 / ports));
    }
  }
}

Json row_of(const LocalPortUse& use) {
  const bool counts = use.endpoint.l4_port != 0;
  const auto known = [&](std::uint64_t value) { return counts ? Json(value) : Json(nullptr); };
  return {{"service", use.service},
          {"backend", use.backend},
          {"address", use.endpoint.text()},
          {"protocol", use.protocol == net::Protocol::udp ? "udp" : "tcp"},
          {"addresses", use.addresses},
          {"ports", known(use.ports)},
          {"taken", use.taken},
          {"free", known(use.ports - std::min(use.ports, use.taken))},
          {"fullest_percent", known(use.fullest_percent)}};
}

}  // namespace

std::vector<LocalPortUse> local_port_use(const plan::Plan& plan, const hash::Owner& owner,
                                         const std::vector<path::State*>& states) {
  std::vector<LocalPortUse> uses;
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;  // service, endpoint
  for (const plan::Listener& listener : plan.listeners) {
    if (!listener.local) {
      continue;
    }
    const plan::Service& service = plan.service_of(listener);
    std::vector<const plan::Backend*> backends;
    service.each_branch([&](std::uint32_t pool, const auto&) {
      for (const plan::Backend& backend : plan.pools[pool].backends) {
        backends.push_back(&backend);
      }
    });
    for (const plan::Backend* one : backends) {
      const plan::Backend& backend = *one;
      const auto family = service.family_towards(backend, listener.listen.prefix.address.family());
      const net::Endpoint at = plan::answering_endpoint(listener, backend.endpoint(family));
      const auto* endpoint =
          plan.fronts.find_endpoint(at.address, at.l4_port, static_cast<std::uint8_t>(listener.listen.protocol));
      if (endpoint == nullptr || !seen.emplace(listener.service, endpoint->slot.value()).second) {
        continue;
      }
      LocalPortUse use{
          .service = service.name, .backend = backend.name, .endpoint = at, .protocol = listener.listen.protocol};
      count(use, service, endpoint->slot, owner, states);
      uses.push_back(std::move(use));
    }
  }
  return uses;
}

void LocalPortWatch::tick(Millis now_ms) {
  if (now_ms < looked_ms_ + look_every_ms) {
    return;
  }
  looked_ms_ = now_ms;
  std::uint64_t counted = 0;
  for (const path::State* state : runtime_.states()) {
    counted += state->counters.get(counters::Counter::local_port_scarce);
  }
  if (counted == counted_ && scarce_.empty()) {
    return;
  }
  counted_ = counted;
  for (const LocalPortUse& use : local_port_use(configuration_.plan(), runtime_.owner(), runtime_.states())) {
    if (use.endpoint.l4_port == 0) {
      continue;
    }
    const auto name = fmt::format("{} {} {}", use.service, use.endpoint.text(), static_cast<int>(use.protocol));
    const bool scarce = scarce_.contains(name);
    if (!scarce && use.fullest_percent >= path::scarce_percent) {
      scarce_.insert(name);
      events_.add("locals",
                  fmt::format("service {}: {} % of a worker's local ports towards {} ({}) are taken; give it more "
                              "local_addresses",
                              use.service, use.fullest_percent, use.backend, use.endpoint.text()));
    } else if (scarce && use.fullest_percent < plenty_percent) {
      scarce_.erase(name);
      events_.add("locals", fmt::format("service {}: local ports towards {} ({}) are no longer scarce", use.service,
                                        use.backend, use.endpoint.text()));
    }
  }
}

void add_local_port_command(api::Dispatcher& dispatcher, Context& context) {
  dispatcher.on("show.locals", listing_handler("show.locals", [&context](Listing& listing, const Json&) {
                  const auto uses =
                      local_port_use(context.configuration.plan(), context.runtime.owner(), context.runtime.states());
                  for (std::size_t i = 0; i < uses.size(); ++i) {
                    const auto key = number_key(i);
                    if (listing.is_past(key) && !listing.add(key, row_of(uses[i]))) {
                      return;
                    }
                  }
                }));
}

}  // namespace limpet::control
