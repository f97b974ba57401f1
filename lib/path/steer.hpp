// Stage 4: which worker owns the client? Packets owned elsewhere are handed over as the bytes they came as.
#pragma once

#include "path/burst.hpp"
#include "path/errors.hpp"
#include "path/state.hpp"

namespace limpet::path {

inline bool is_error(const Item& item) noexcept {
  return item.way == Way::error_in || item.way == Way::error_back;
}

/// Fragments go by addresses alone, as they do not all have ports.
inline unsigned owner_of(const hash::Owner& owner, const Packet& packet, const net::Parsed& parsed,
                         const Item& item) noexcept {
  if (is_error(item)) {
    return owner_of_error(owner, packet, parsed, item);
  }
  if (item.local && !parsed.fragment) {
    return owner.owner_of_answer({parsed.source, parsed.source_port}, {parsed.destination, parsed.destination_port});
  }
  return owner.owner(item.way == Way::in ? parsed.source : parsed.destination);
}

inline void steer(State& state, Burst& burst) noexcept {
  if (state.node.owner.workers() == 1 || burst.source.origin != Origin::port) {
    return;  // what another worker handed over stays here, whatever its plan said
  }
  burst.each_undecided([&](const Packet& packet, const net::Parsed& parsed, Item& item) {
    if (item.way != Way::in && item.way != Way::back && !is_error(item)) {
      return;
    }
    const unsigned owner = owner_of(state.node.owner, packet, parsed, item);
    if (owner != state.index) {
      item.verdict = Verdict::handoff;
      item.handoff_worker = static_cast<std::uint16_t>(owner);
    }
  });
}

}  // namespace limpet::path
