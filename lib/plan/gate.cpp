#include "plan/gate.hpp"

namespace limpet::plan {

std::shared_ptr<const Gate> make_gate(const model::Service& service, const Gate* before, std::uint32_t& gates_made) {
  const auto& [per_s, burst, source] = service.limits;
  if (per_s == 0 && source.new_flows_per_s == 0 && source.connections == 0 && service.allow.empty() &&
      service.deny.empty()) {
    return nullptr;
  }
  auto gate = std::make_shared<Gate>();
  const bool same_sources = before != nullptr && before->prefix4 == source.prefix4 && before->prefix6 == source.prefix6;
  gate->id = same_sources ? before->id : ++gates_made;
  gate->prefix4 = source.prefix4;
  gate->prefix6 = source.prefix6;
  gate->has_access = !service.allow.empty() || !service.deny.empty();
  gate->access = AccessList(service.allow, service.deny);
  gate->service = Rate::of(per_s, burst);
  gate->source = Rate::of(source.new_flows_per_s, source.burst);
  gate->connections = source.connections;
  gate->use = before != nullptr ? before->use : std::make_shared<GateUse>();
  return gate;
}

}  // namespace limpet::plan
