// Bind for fragments: the first of a datagram is bound like any packet, the others follow. Worker's thread only.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"
#include "path/translate.hpp"
#include "path/transmit.hpp"

namespace limpet::path {

/// A fragment of Way::in or Way::back; later ones have neither listener nor endpoint yet.
void bind_fragment(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, net::Parsed& parsed,
                   Item& item) noexcept;

/// Fragments that had to wait: those in state.burst leave as their datagrams' first ones did.
void resume_fragments(State& state, const plan::Plan& plan, Burst& burst) noexcept;

template <class Io>
[[gnu::noinline]] void release_some_fragments(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  Burst& burst = state.burst;
  while ((burst.count = state.fragments.take_ended(burst.packets.data(), burst_max)) != 0) {
    send(state, io, {Outlet::release, 0}, burst.packets.data(), burst.count);
  }
  burst.source = {Origin::worker, static_cast<std::uint16_t>(state.index)};
  burst.now_ms = now_ms;
  while ((burst.count = state.fragments.take_ready(burst.packets.data(), burst.items.data(), burst_max)) != 0) {
    resume_fragments(state, plan, burst);
    translate(state, plan, burst);
    transmit(state, plan, io, burst);
  }
}

/// Ends the lives of fragments that wait no longer, or sends them on, in the order in which they came.
template <class Io>
inline void release_fragments(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  if (state.fragments.has_released()) [[unlikely]] {
    release_some_fragments(state, plan, io, now_ms);
  }
}

/// Gives back what waits, at the end of a worker.
template <class Io>
void end_fragments(State& state, Io& io) noexcept {
  state.fragments.end_all();
  std::array<Packet, burst_max> packets;
  while (const unsigned count = state.fragments.take_ended(packets.data(), burst_max)) {
    io.transmit({Outlet::release, 0}, packets.data(), count);
  }
}

}  // namespace limpet::path
