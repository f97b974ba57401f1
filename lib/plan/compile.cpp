#include "plan/compiler.hpp"
#include "plan/own_token.hpp"
#include "plan/promise.hpp"

namespace limpet::plan {

Result<std::shared_ptr<const Plan>> Compiler::run() {
  plan_->version = input_.version;
  if (input_.previous != nullptr) {
    plan_->gates_made = input_.previous->gates_made;
    for (const Service& before : input_.previous->services) {
      gates_before_[before.name] = before.gate.get();
      expressions_before_[before.name] = before.expressions;
    }
  }
  plan_->fingerprint_seed = hash::derive_key(input_.secret, "fingerprints");
  plan_->tunnel_seed = hash::derive_key(input_.secret, "tunnels");
  plan_->cookie_seed = hash::derive_key(input_.secret, "SYN cookies");
  plan_->unix_at_zero_s = input_.unix_at_zero_s;
  plan_->cookie_epoch = cookie_epoch_at(wall_s(*plan_, input_.now_s));
  add_interfaces();
  add_routes();
  if (auto ok = add_pools(); !ok) {
    return tl::unexpected(ok.error());
  }
  add_profile_uses();
  if (auto ok = add_services(); !ok) {
    return tl::unexpected(ok.error());
  }
  if (auto ok = add_scratches(); !ok) {
    return tl::unexpected(ok.error());
  }
  keep_gates();
  for (Service& service : plan_->services) {
    service.promise = std::make_shared<std::atomic<std::uint32_t>>(promise_of(*plan_, service).packed());
  }
  plan_->routes.finish();
  std::sort(plan_->gate_ids.begin(), plan_->gate_ids.end());
  return std::shared_ptr<const Plan>(plan_);
}

Result<std::uint32_t> Compiler::slot(SlotMap& map, const char* what, const std::string& name) {
  if (const auto slot = map.acquire(name)) {
    return *slot;
  }
  return fail("{} {}: all {} slots are taken or wait for their last sessions to end", what, name, map.capacity());
}

net::Endpoint answering_endpoint(const Listener& listener, const net::Endpoint& backend) noexcept {
  return {backend.address, backend.l4_port != 0 ? backend.l4_port : listener.listen.l4_port};
}

bool Interface::owns(const IpAddress& address) const noexcept {
  for (const net::Prefix& prefix : addresses) {
    if (prefix.address == address) {
      return true;
    }
  }
  return false;
}

Result<std::shared_ptr<const Plan>> compile(const Input& input, Slots& slots) {
  return Compiler(input, slots).run();
}

void keep_only_used(const Plan& plan, Slots& slots) {
  std::set<std::string> listeners, backends, endpoints, scopes;
  for (const Listener& listener : plan.listeners) {
    listeners.insert(slots.listeners.name(listener.slot.value()));
  }
  for (const Pool& pool : plan.pools) {
    for (const Backend& backend : pool.backends) {
      backends.insert(backend.name);
    }
  }
  plan.fronts.each_endpoint(
      [&](const EndpointEntry& entry) { endpoints.insert(slots.endpoints.name(entry.slot.value())); });
  for (std::uint32_t scope = 0; scope < plan.scopes.size(); ++scope) {
    if (plan.persist_of_scope(scope) != nullptr) {
      scopes.insert(slots.scopes.name(scope));
    }
  }
  slots.listeners.keep_only(listeners);
  slots.backends.keep_only(backends);
  slots.endpoints.keep_only(endpoints);
  slots.scopes.keep_only(scopes);
}

}  // namespace limpet::plan
