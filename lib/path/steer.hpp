// Stage 4: which worker owns the client? Packets owned elsewhere are handed over as the bytes they came as.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

inline void steer(State& state, Burst& burst) noexcept {
  if (state.node.owner.workers() == 1 || burst.source.origin != Origin::port) {
    return;  // what another worker handed over stays here, whatever its plan said
  }
  burst.each_undecided([&](const Packet&, const net::Parsed& parsed, Item& item) {
    if (item.way != Way::in && item.way != Way::back) {
      return;
    }
    const unsigned owner = state.node.owner.owner(item.way == Way::in ? parsed.source : parsed.destination);
    if (owner != state.index) {
      item.verdict = Verdict::handoff;
      item.handoff_worker = static_cast<std::uint16_t>(owner);
    }
  });
}

}  // namespace limpet::path
