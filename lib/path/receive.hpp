// Stage 1: a burst from one source into the hand.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// False when there was nothing.
template <class Io>
bool receive(State& state, Io& io, Source source, Millis now_ms, Burst& burst) noexcept {
  burst.count = io.receive(source, burst.packets.data(), burst_max);
  if (burst.count == 0) {
    return false;
  }
  burst.source = source;
  burst.now_ms = now_ms;
  switch (burst.source.origin) {
    case Origin::port: {
      std::uint64_t bytes = 0;
      for (unsigned i = 0; i < burst.count; ++i) {
        bytes += burst.packets[i].size;
      }
      state.counters.add(Counter::received, burst.count);
      state.counters.add(Counter::received_bytes, bytes);
      break;
    }
    case Origin::worker:
      state.counters.add(Counter::taken_over, burst.count);
      break;
    case Origin::control:
      state.counters.add(Counter::from_control, burst.count);
      break;
    case Origin::kernel:
      state.counters.add(Counter::from_kernel, burst.count);
      break;
    case Origin::self:
      break;
  }
  return true;
}

}  // namespace limpet::path
