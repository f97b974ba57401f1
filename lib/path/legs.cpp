#include "path/legs.hpp"

#include "path/state.hpp"

namespace limpet::path {

Legs::Legs(std::uint32_t backend_slots) : routes_(std::make_unique<Leg[]>(routes_max)) {
  for (auto& legs : backends_) {
    legs = std::make_unique<Leg[]>(backend_slots);
  }
}

void Legs::make_backend(Leg& leg, net::Family family, std::uint32_t slot, const Node& node,
                        const Waiting& waiting) noexcept {
  leg.generation = generation_;
  leg.mtu = 0;
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
  const plan::Interface& out = plan_->interfaces[hop.interface.value()];
  if (hop.next_hop.is_none() || out.vlan != 0) {
    return;
  }
  const l3::Adjacency next = node.adjacencies.find(hop.interface, hop.next_hop);
  if (next.state != l3::AdjacencyState::reachable || waiting.holds(hop)) {
    return;
  }
  std::memcpy(leg.link.data(), next.mac.bytes.data(), 6);
  std::memcpy(leg.link.data() + 6, out.mac.bytes.data(), 6);
  leg.mtu = out.mtu;
  leg.port = out.port;
}

}  // namespace limpet::path
