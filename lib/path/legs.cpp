#include "path/legs.hpp"

#include "path/state.hpp"
#include "plan/gateways.hpp"

namespace limpet::path {

Legs::Legs(std::uint32_t backend_slots)
    : routes_(std::make_unique<Leg[]>(routes_max)), gateways_(std::make_unique<Leg[]>(gateways_max)) {
  for (auto& legs : backends_) {
    legs = std::make_unique<Leg[]>(backend_slots);
  }
}

void Legs::make_backend(Leg& leg, net::Family family, std::uint32_t slot, const Node& node,
                        const Waiting& waiting) noexcept {
  leg = {};  // of a backend that has no way any more nothing may be left
  leg.generation = generation_;
  const plan::Backend* backend = plan_->backend(BackendSlot(slot));
  if (backend == nullptr || backend->endpoint(family).address.is_none() || !backend->hop(family)) {
    return;
  }
  const net::Endpoint& endpoint = backend->endpoint(family);
  leg.address = endpoint.address;
  leg.address_at = static_cast<std::uint16_t>(16 - endpoint.address.wire_size());
  leg.l4_port = be16(endpoint.l4_port).raw();
  leg.pool = plan_->backend_of_slot[slot].pool;
  leg.unlimited = backend->max_connections == 0;
  leg.tcp_endpoint = plan_->express.endpoint_slot(endpoint, net::Protocol::tcp);
  leg.udp_endpoint = plan_->express.endpoint_slot(endpoint, net::Protocol::udp);
  make(leg, *backend->hop(family), node, waiting);
}

void Legs::make(Leg& leg, const plan::Hop& hop, const Node& node, const Waiting& waiting) noexcept {
  leg.generation = generation_;
  leg.mtu = 0;
  leg.gateways = hop.gateways;
  leg.reachable = false;
  const plan::Interface& out = plan_->interfaces[hop.interface.value()];
  if (hop.next_hop.is_none() || hop.gateways != 0) {
    return;
  }
  const l3::Adjacency next = node.adjacencies.find(hop.interface, hop.next_hop);
  leg.reachable = next.state == l3::AdjacencyState::reachable;
  if (!leg.reachable || out.vlan != 0 || waiting.holds(hop)) {
    return;
  }
  std::memcpy(leg.link.data(), next.mac.bytes.data(), 6);
  std::memcpy(leg.link.data() + 6, out.mac.bytes.data(), 6);
  leg.mtu = out.mtu;
  leg.port = out.port;
  leg.interface = hop.interface;
}

const Leg& Legs::by_gateway(std::uint16_t gateways, std::uint64_t flow, const Node& node,
                            const Waiting& waiting) noexcept {
  const auto hops = plan_->routes.gateways(gateways);
  const std::uint32_t first = plan_->routes.first_gateway(gateways);
  if (first + hops.size() > gateways_max) {
    return nowhere_;
  }
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (Leg& leg = gateways_[first + i]; leg.generation != generation_) {
      make(leg, hops[i], node, waiting);
    }
  }
  const auto chosen = plan::choose_gateway(hops, flow, [&](std::size_t i) { return gateways_[first + i].reachable; });
  return gateways_[first + chosen];  // with none reachable: mtu is 0
}

}  // namespace limpet::path
