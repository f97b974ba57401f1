// A worker's turn for connections that wait: who has waited long enough, what goes on to its backend now, and the
// packets that Limpet makes for them. Worker's thread only.
#pragma once

#include <utility>

#include "path/bind.hpp"
#include "path/classify.hpp"
#include "path/owned.hpp"
#include "path/parse.hpp"
#include "path/translate.hpp"
#include "path/transmit.hpp"

namespace limpet::path {

/// The backend that it has been given gets a SYN.
void begin_syns(State& state, Awaited& one, Millis now_ms) noexcept;
/// SYNs that were not answered go out again, or another backend gets one; who says nothing is waited for no longer.
void tend_awaited(State& state, Millis now_ms) noexcept;
/// Ethernet with two tags, IPv6 with extension headers, TCP with three options.
inline constexpr std::size_t made_size_max = 256;
/// The SYN that the client would have sent to its backend, by what it has sent to Limpet. Its size; 0: none.
std::size_t make_syn(State& state, const Awaited& one, std::span<std::uint8_t> out) noexcept;

/// False: no buffer is left, or the Io makes no packets.
template <class Io>
bool make(Io& io, PortIndex received_on, std::span<const std::uint8_t> frame, Packet& packet) noexcept {
  if constexpr (requires { io.make(received_on, frame, packet); }) {
    return io.make(received_on, frame, packet);
  }
  return false;
}

/// To the backend, of each packet held; as many as there is room for in the hand.
template <class Io>
void make_copies(State& state, Io& io, const Awaited& one, Burst& burst) noexcept {
  state.awaited.each_held(one, [&](const Packet& packet, const Segment&) {
    if (burst.count < burst_max && make(io, packet.port, {packet.data, packet.size}, burst.packets[burst.count])) {
      ++burst.count;
      state.counters.add(Counter::made);
    } else {
      state.counters.add(Counter::not_made);  // it is made again when it is due
    }
  });
}

/// An acknowledgment to the client, sent; or a packet to the backend, into the hand.
template <class Io>
void make_wanted(State& state, Io& io, Awaited& one, Wants what, Burst& burst) noexcept {
  const Packet* const like = state.awaited.first_packet(one);
  std::array<std::uint8_t, made_size_max> frame;
  const bool answers = what == Wants::acknowledgment;
  const std::size_t size = like == nullptr ? 0
                           : answers       ? make_acknowledgment(state, one, frame)
                                           : make_syn(state, one, frame);
  Packet& packet = burst.packets[burst.count];
  if (size == 0 || !make(io, like->port, {frame.data(), size}, packet)) {
    return state.counters.add(Counter::not_made);  // it is made again when it is due
  }
  state.counters.add(Counter::made);
  if (answers) {
    state.counters.add(Counter::replied);
    return send(state, io, {Outlet::port, like->port.value()}, &packet, 1);
  }
  ++burst.count;
}

/// What waits no longer, and what is made besides, into the hand.
template <class Io>
void take_awaited(State& state, Io& io, Burst& burst) noexcept {
  burst.count = 0;
  // All that one connection may own goes together.
  while (burst.count + AwaitedConnections::held_of_one_max <= burst_max) {
    Awaited* const one = state.awaited.take_wanted();
    if (one == nullptr) {
      break;
    }
    const Wants what = std::exchange(one->wants, Wants::nothing);
    what == Wants::copies ? make_copies(state, io, *one, burst) : make_wanted(state, io, *one, what, burst);
  }
  burst.count += state.awaited.take_ready(burst.packets.data() + burst.count, burst_max - burst.count);
}

template <class Io>
[[gnu::noinline]] void release_some_awaited(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  tend_awaited(state, now_ms);
  Burst& burst = state.burst;
  while (state.awaited.has_released()) {
    while ((burst.count = state.awaited.take_ended(burst.packets.data(), burst_max)) != 0) {
      state.counters.add(Counter::drop_consumed, burst.count);
      send(state, io, {Outlet::release, 0}, burst.packets.data(), burst.count);
    }
    take_awaited(state, io, burst);
    if (burst.count == 0) {
      continue;
    }
    burst.source = {Origin::self, 0};
    burst.now_ms = now_ms;
    std::fill_n(burst.items.begin(), burst.count, Item{});
    parse(burst);
    classify(state, plan, burst);
    bind(state, plan, burst);
    translate(state, plan, burst);
    transmit(state, plan, io, burst);
  }
}

/// Packets that waited for a backend go on, and what ends is given back.
template <class Io>
inline void release_awaited(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  if (!state.awaited.empty()) [[unlikely]] {
    release_some_awaited(state, plan, io, now_ms);
  }
}

/// Gives back what waits, at the end of a worker.
template <class Io>
void end_awaited(State& state, Io& io) noexcept {
  state.awaited.end_all();
  std::array<Packet, burst_max> packets;
  while (const unsigned count = state.awaited.take_ended(packets.data(), burst_max)) {
    io.transmit({Outlet::release, 0}, packets.data(), count);
  }
}

}  // namespace limpet::path
