// Stage 4: which worker owns the client? Packets owned elsewhere are handed over as the bytes they came as.
#pragma once

#include "path/burst.hpp"
#include "path/errors.hpp"
#include "path/state.hpp"

namespace limpet::path {

inline void steer(State& state, Burst& burst) noexcept {
  if (state.node.owner.workers() == 1 || burst.source.origin != Origin::port) {
    return;  // what another worker handed over stays here, whatever its plan said
  }
  burst.each_undecided([&](const Packet& packet, const net::Parsed& parsed, Item& item) {
    const bool is_error = item.way == Way::error_in || item.way == Way::error_back;
    if (item.way != Way::in && item.way != Way::back && !is_error) {
      return;
    }
    const unsigned owner = state.node.owner.owner(is_error              ? client_of_error(packet, parsed, item.way)
                                                  : item.way == Way::in ? parsed.source
                                                                        : parsed.destination);
    if (owner != state.index) {
      item.verdict = Verdict::handoff;
      item.handoff_worker = static_cast<std::uint16_t>(owner);
    }
  });
}

}  // namespace limpet::path
