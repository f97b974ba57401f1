#include "path/recount.hpp"

#include "path/flow_keys.hpp"
#include "path/records.hpp"

namespace limpet::path {

void recount(State& state, const plan::Plan& plan) noexcept {
  Records records(state, plan, 0);
  state.flows.each([&](const auto& key, auto& entry) {
    if (key.direction == flow::Direction::back || entry.peer() >= state.node.backends.count()) {
      return flow::Sweep::keep;
    }
    plan::BackendUse& use = state.uses[entry.peer()];
    const bool counted = (entry.flags() & flow::flag::counted) != 0;
    add_relaxed(counted ? use.flows : use.connecting, 1);
    add_relaxed(use.flows_alone, counted && (entry.flags() & flow::flag::recorded) == 0 ? 1 : 0);
    const plan::Listener* listener = plan.listener(ListenerSlot(key.slot));
    if (counted && listener != nullptr) {
      records.count_live(*listener, connection_of(*listener, key), true);
    }
    return flow::Sweep::keep;
  });
}

}  // namespace limpet::path
