#include "path/leave.hpp"

#include "path/flow_keys.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {

void leave_for_backend(State& state, const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed,
                       Item& item) noexcept {
  const plan::Service& service = plan.service_of(*item.listener);
  const bool local = service.is_full_nat() && !item.client.address.is_none();
  const net::Family family =
      local ? item.client.address.family() : service.family_towards(*item.backend, parsed.source.family());
  const auto& hop = item.backend->hop(family);
  if (item.backend->endpoint(family).address.is_none()) {
    return item.drop(Counter::drop_no_address_family);
  }
  if (!hop) {
    return item.drop(Counter::drop_no_route);
  }
  item.hop = *hop;
  item.overhead = 0;  // a later fragment has its first one's item, perhaps of another plan
  if (is_nat(plan, *item.listener)) {
    item.rewrite = item.backend->endpoint(family);
    item.crosses = family != parsed.source.family();
  } else if (service.tunnels()) {
    item.overhead = static_cast<std::uint8_t>(net::encap_size(service.tunnel.encap, family));
    item.rewrite = {};
    item.crosses = false;
  }
  plan::BackendUse& use = state.uses[item.backend->slot.value()];
  add_relaxed(use.packets, 1);
  add_relaxed(use.bytes, packet.size);
  state.counters.add(Counter::forwarded_in);
}

bool leave_by_route(const plan::Plan& plan, const net::IpAddress& destination, Item& item) noexcept {
  const auto hop = plan.routes.find(destination);
  if (!hop) {
    item.drop(Counter::drop_no_route);
    return false;
  }
  item.hop = *hop;
  return true;
}

plan::Hop hop_of_flow(const State& state, const plan::Plan& plan, const plan::Hop& hop, std::uint64_t flow) noexcept {
  if (hop.gateways == 0) {
    return hop;
  }
  const auto hops = plan.routes.gateways(hop.gateways);
  return hops[plan::choose_gateway(hops, flow, [&](std::size_t i) {
    return state.node.adjacencies.find(hops[i].interface, hops[i].next_hop).state == l3::AdjacencyState::reachable;
  })];
}

void leave_in_transit(State& state, const plan::Plan& plan, const net::Parsed& parsed, Item& item,
                      Counter otherwise) noexcept {
  const plan::Interface& interface = plan.interfaces[item.interface.value()];
  item.way = Way::transit;
  if (interface.transit == model::Transit::kernel && interface.has_kernel) {
    item.verdict = Verdict::punt;
  } else if (interface.transit == model::Transit::route) {
    if (leave_by_route(plan, parsed.destination, item)) {
      state.counters.add(Counter::routed);
    }
  } else {
    item.drop(otherwise);
  }
}

}  // namespace limpet::path
