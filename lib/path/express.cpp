#include "path/express.hpp"

#include "path/lanes.hpp"

namespace limpet::path {
namespace {

/// No full NAT.
struct NoLocals {
  NoLocals(State&, const plan::Plan&, Burst&) noexcept {}
  static bool read_v4(unsigned) noexcept { return false; }
  static bool read_v6(unsigned) noexcept { return false; }
  static unsigned finish() noexcept { return 0; }
};

}  // namespace

unsigned express(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    __builtin_prefetch(burst.packets[i].data, 1);
    burst.items[i].verdict = Verdict::undecided;
  }
  if (burst.source.origin == Origin::control || burst.source.origin == Origin::kernel || !state.takes_express) {
    return 0;
  }
  state.legs.renew(plan, state.node.adjacencies.version(), burst.now_ms);
  return plan.fronts.has_locals() ? express_local(state, plan, burst) : take_lanes<NoLocals>(state, plan, burst);
}

}  // namespace limpet::path
