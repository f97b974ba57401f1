// Services, what they send and what they take.
#include "plan/compiler.hpp"

namespace limpet::plan {
namespace {

constexpr std::uint32_t record_passes_max = 36;  // six minutes

}  // namespace

/// Sweeps in a sixth of the time-out: late enough to cost little, early enough to be right.
std::uint32_t Compiler::passes(std::uint32_t idle_timeout_s) {
  return std::clamp<std::uint32_t>(idle_timeout_s / 6 / sweep_pass_s, 1, record_passes_max);
}

/// Errors about tunnel packets come back to their source: it is Limpet's own, also on the link it belongs to.
void Compiler::add_tunnel_source(const net::IpAddress& source) {
  if (plan_->owns(source)) {
    return;
  }
  plan_->own_addresses.add(source, 1);
  for (Interface& interface : plan_->interfaces) {
    const auto& own = interface.addresses;
    if (std::any_of(own.begin(), own.end(), [&](const net::Prefix& prefix) { return prefix.contains(source); })) {
      interface.addresses.push_back(net::Prefix::host(source));
      return;
    }
  }
}

void Compiler::add_tunnel(Service& service, const model::Service& from) {
  service.forwarding = from.forwarding;
  service.max_mss = from.max_mss;
  service.window_scale = from.window_scale;
  service.inspect_delay_ms = static_cast<std::uint32_t>(from.inspect_delay_ms);
  service.client_address = from.client_address;
  if (!service.tunnels()) {
    return;
  }
  plan_->has_tunnels = true;
  Tunnel& tunnel = service.tunnel;
  tunnel.encap = from.forwarding == model::Forwarding::ipip  ? net::Encap::ipip
                 : from.forwarding == model::Forwarding::gre ? net::Encap::gre
                                                             : net::Encap::gue;
  tunnel.ttl = from.tunnel.ttl;
  tunnel.copies_dont_fragment = from.tunnel.dont_fragment == model::DontFragment::copy;
  tunnel.l4_port = tunnel.encap == net::Encap::gue ? from.tunnel.l4_port : std::uint16_t{0};
  for (const net::IpAddress& source : from.tunnel.sources) {
    tunnel.sources[static_cast<std::size_t>(source.family())].push_back(source);
    add_tunnel_source(source);
  }
}

Result<void> Compiler::add_services() {
  for (const auto& [name, from] : model_.services) {
    Service service;
    service.name = name;
    service.echo = from.echo;
    add_local_addresses(from, service);
    add_tunnel(service, from);
    service.pool = pool_index_.at(from.pool);
    service.record_passes = record_passes_max;
    service.flows_on_down = from.flows_on_down;
    service.flows_on_drain_end = from.flows_on_drain_end;
    service.gate = gate(name, from);
    auto own = profiles(service, from, from.pool, Rule::own);
    if (!own) {
      return tl::unexpected(own.error());
    }
    service.persist = std::move(*own);
    if (auto ok = add_routing(service, from); !ok) {
      return ok;
    }
    const auto limit = [](std::uint64_t ms) {
      return static_cast<std::uint16_t>(seconds(ms, flow_timeout_max_ms / 1000));
    };
    service.timeouts = {limit(from.timeouts.embryonic_ms), limit(from.timeouts.established_ms),
                        limit(from.timeouts.closing_ms), limit(from.timeouts.udp_ms),
                        from.timeouts.local_port_ms == 0 ? std::uint16_t{0} : limit(from.timeouts.local_port_ms)};
    plan_->services.push_back(std::move(service));
    for (const model::Listen& listen : from.listen) {
      if (auto ok = add_listener(name, listen, from.syn_proxy); !ok) {
        return ok;
      }
    }
  }
  return {};
}

void Compiler::add_local_addresses(const model::Service& from, Service& service) {
  for (const net::Prefix& prefix : from.local_addresses) {
    auto& locals = service.locals[static_cast<std::size_t>(prefix.address.family())];
    const unsigned bits = (prefix.address.is_v4() ? 32u : 128u) - prefix.length;
    for (std::uint32_t i = 0; i < 1u << bits; ++i) {
      const IpAddress address = prefix.address.plus(i);
      if (std::find(locals.begin(), locals.end(), address) == locals.end()) {
        locals.push_back(address);
        plan_->fronts.add_local(address);
      }
    }
  }
}

std::shared_ptr<const Gate> Compiler::gate(const std::string& name, const model::Service& service) {
  const auto before = gates_before_.find(name);
  auto made = make_gate(service, before == gates_before_.end() ? nullptr : before->second, plan_->gates_made);
  if (made != nullptr) {
    plan_->gate_ids.push_back(made->id);
  }
  return made;
}

/// Flows of listeners that are gone end one by one, each with its source's place.
void Compiler::keep_gates() {
  if (input_.previous == nullptr) {
    return;
  }
  const Plan& before = *input_.previous;
  const std::size_t slots = std::max(before.listener_of_slot.size(), before.gates_left.size());
  for (std::uint32_t i = 0; i < slots; ++i) {
    const ListenerSlot slot(i);
    const Listener* const listener = before.listener(slot);
    auto gate = listener != nullptr            ? before.service_of(*listener).gate
                : i < before.gates_left.size() ? before.gates_left[i]
                                               : nullptr;
    if (gate != nullptr && plan_->listener(slot) == nullptr) {
      place_at(plan_->gates_left, i, std::move(gate), {});
    }
  }
}

}  // namespace limpet::plan
