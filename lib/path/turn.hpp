// A packet's whole way, on one screen. One turn of a worker: what waits goes out, each source's burst passes the
// stages in order of time, a little of the flow table is swept. Runs in limpetd's workers, limpet-replay and
// benchmarks alike; the Io is the only difference. Never allocates, locks, logs, throws or makes a system call.
#pragma once

#include "path/awaited_turn.hpp"
#include "path/bind.hpp"
#include "path/bind_fragment.hpp"
#include "path/burst.hpp"
#include "path/classify.hpp"
#include "path/express.hpp"
#include "path/parse.hpp"
#include "path/receive.hpp"
#include "path/steer.hpp"
#include "path/sweep.hpp"
#include "path/translate.hpp"
#include "path/transmit.hpp"

namespace limpet::path {

/// Takes at most one burst from each source, as often as the Io lists it, and ends every packet's life or sends it on.
/// Returns how many packets were in hand: 0 is an empty turn. `now_ms`: milliseconds since boot, never going back.
template <class Io>
unsigned turn(State& state, const plan::Plan& plan, Io& io, Millis now_ms) {
  unsigned packets = 0;
  Burst& burst = state.burst;
  release_waiting(state, plan, io, now_ms);
  state.fragments.expire(now_ms, state.counters);
  release_fragments(state, plan, io, now_ms);
  release_awaited(state, plan, io, now_ms);
  for (const Source source : io.sources()) {
    if (!receive(state, io, source, now_ms, burst)) {
      continue;
    }
    packets += burst.count;
    if (express(state, plan, burst) < burst.count) {
      parse(burst);
      classify(state, plan, burst);
      steer(state, burst);
      bind(state, plan, burst);
      translate(state, plan, burst);
    }
    transmit(state, plan, io, burst);
    release_fragments(state, plan, io, now_ms);
    release_awaited(state, plan, io, now_ms);
  }
  sweep(state, plan, now_ms);
  return packets;
}

}  // namespace limpet::path
