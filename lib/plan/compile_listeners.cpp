// Listen addresses, and the addresses that answer them.
#include "plan/compiler.hpp"

namespace limpet::plan {

/// Flows that were opened so go on, whatever the service says now.
bool Compiler::has_spliced(ListenerSlot slot) const noexcept {
  const Listener* const before = input_.previous == nullptr ? nullptr : input_.previous->listener(slot);
  return before != nullptr && before->splices;
}

Result<void> Compiler::add_listener(const std::string& service, const model::Listen& listen, bool syn_proxy) {
  auto number = slot(slots_.listeners, "service", fmt::format("{} {}", service, listen.text()));
  if (!number) {
    return tl::unexpected(number.error());
  }
  const auto index = static_cast<std::uint32_t>(plan_->listeners.size());
  if (!plan_->fronts.add_listener(listen, index)) {
    return fail("service {}: another service listens on {}", service, listen.text());
  }
  if (listen.prefix.is_host()) {
    plan_->vips.add(listen.prefix.address, plan_->services.back());
  }
  const bool exact = listen.prefix.is_host() && listen.l4_port != 0;
  const bool local = plan_->services.back().is_full_nat();
  plan_->listeners.push_back({ListenerSlot(*number), static_cast<std::uint32_t>(plan_->services.size() - 1), listen,
                              exact && !local && listen.prefix.address.is_v4(), local});
  Listener& made = plan_->listeners.back();
  made.delays = listen.protocol == net::Protocol::tcp && (syn_proxy || plan_->services.back().reads_content);
  made.splices = made.delays || has_spliced(made.slot);
  place_at(plan_->listener_of_slot, *number, index, ~0u);
  plan_->express.add_listener(plan_->listeners.back(), plan_->services.back());
  return add_endpoints(plan_->listeners.back(), index, exact);
}

/// The addresses that this listener's backends answer from, when their answers pass here (nat).
Result<void> Compiler::add_endpoints(const Listener& listener, std::uint32_t index, bool exact) {
  const Service& service = plan_->services[listener.service];
  if (service.returns_directly()) {
    return {};
  }
  Result<void> done;
  service.each_branch([&](std::uint32_t pool, const auto&) {
    done = done ? add_endpoints_of(plan_->pools[pool], listener, index, exact) : done;
  });
  return done;
}

Result<void> Compiler::add_endpoints_of(const Pool& pool, const Listener& listener, std::uint32_t index, bool exact) {
  const Service& service = plan_->services[listener.service];
  for (const Backend& backend : pool.backends) {
    const auto family = service.family_towards(backend, listener.listen.prefix.address.family());
    const net::Endpoint endpoint = answering_endpoint(listener, backend.endpoint(family));
    if (endpoint.address.is_none()) {
      continue;
    }
    EndpointEntry& entry = plan_->fronts.endpoint(endpoint, listener.listen.protocol);
    if (!entry.slot.valid()) {
      auto number = slot(slots_.endpoints, "backend address",
                         fmt::format("{}/{}", endpoint.text(), static_cast<unsigned>(listener.listen.protocol)));
      if (!number) {
        return tl::unexpected(number.error());
      }
      entry.slot = EndpointSlot(*number);
      entry.only_listener = exact && !listener.local ? index : ~0u;
      plan_->express.add_endpoint(endpoint, listener.listen.protocol, entry.slot);
    } else if (entry.only_listener != index) {
      entry.only_listener = ~0u;
    }
  }
  return {};
}

}  // namespace limpet::plan
