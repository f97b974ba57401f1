// Last stage for a packet: its verdict is carried out.
#pragma once

#include <array>
#include <optional>

#include "path/burst.hpp"
#include "path/state.hpp"
#include "path/translate.hpp"

namespace limpet::path {

/// Counts what a destination took.
inline void count_sent(State& state, Destination to, const Packet* packets, unsigned taken, unsigned refused) noexcept {
  switch (to.outlet) {
    case Outlet::port: {
      std::uint64_t bytes = 0;
      for (unsigned i = 0; i < taken; ++i) {
        bytes += packets[i].size;
      }
      state.counters.add(Counter::transmitted, taken);
      state.counters.add(Counter::transmitted_bytes, bytes);
      state.counters.add(Counter::drop_transmit_full, refused);
      break;
    }
    case Outlet::worker:
      state.counters.add(Counter::handed_off, taken);
      state.counters.add(Counter::drop_handoff_full, refused);
      break;
    case Outlet::kernel:
      state.counters.add(Counter::punted, taken);
      state.counters.add(Counter::drop_kernel_full, refused);
      break;
    case Outlet::release:
      break;
  }
}

/// What the destination does not take is released and counted.
template <class Io>
void send(State& state, Io& io, Destination to, const Packet* packets, unsigned n) noexcept {
  const unsigned taken = io.transmit(to, packets, n);
  count_sent(state, to, packets, taken, n - taken);
  if (taken < n) {
    io.transmit({Outlet::release, 0}, packets + taken, n - taken);
  }
}

/// Puts a packet among those that wait for a MAC address and asks control for it. False: no room.
inline bool hold(State& state, const Packet& packet, const net::Parsed& parsed, const Item& item,
                 Millis now_ms) noexcept {
  Waiting& waiting = state.waiting;
  if (waiting.full()) {
    return false;
  }
  waiting.items[waiting.count++] = {packet, item.hop, now_ms, parsed.l3_offset};
  state.to_control.wants.push({item.hop.interface, item.hop.next_hop});  // when full, the next packet asks again
  state.counters.add(Counter::held);
  return true;
}

/// Where a packet goes; nowhere: it is held.
inline std::optional<Destination> destination_of(State& state, const Burst& burst, unsigned i) noexcept {
  const Packet& packet = burst.packets[i];
  const Item& item = burst.items[i];
  switch (item.verdict) {
    case Verdict::forward:
      break;
    case Verdict::reply:
      state.counters.add(Counter::replied);
      break;
    case Verdict::hold:
      if (hold(state, packet, burst.parsed[i], item, burst.now_ms)) {
        return std::nullopt;
      }
      state.counters.add(Counter::drop_neighbour_queue_full);
      return Destination{Outlet::release, 0};
    case Verdict::keep:
      return std::nullopt;
    case Verdict::punt:
      return Destination{Outlet::kernel, packet.port.value()};
    case Verdict::handoff:
      return Destination{Outlet::worker, item.handoff_worker};
    case Verdict::drop:
    case Verdict::undecided:
      state.counters.add(item.reason);
      return Destination{Outlet::release, 0};
  }
  return Destination{Outlet::port, packet.port.value()};
}

/// All go to one port.
inline bool all_forward(const Burst& burst) noexcept {
  unsigned i = 0;
  while (i < burst.count && burst.items[i].verdict == Verdict::forward &&
         burst.packets[i].port == burst.packets[0].port) {
    ++i;
  }
  return i == burst.count;
}

/// Packets with one destination leave together, in their order.
template <class Io>
void transmit(State& state, const plan::Plan&, Io& io, Burst& burst) noexcept {
  if (all_forward(burst)) {
    return send(state, io, {Outlet::port, burst.packets[0].port.value()}, burst.packets.data(), burst.count);
  }
  std::array<std::uint8_t, burst_max> left;  // of these packets
  unsigned left_count = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (const auto destination = destination_of(state, burst, i)) {
      left[left_count++] = static_cast<std::uint8_t>(i);
      burst.to[i] = *destination;
    }
  }
  while (left_count != 0) {
    const Destination now = burst.to[left[0]];
    unsigned together_count = 0;
    unsigned later_count = 0;
    for (unsigned i = 0; i < left_count; ++i) {
      if (burst.to[left[i]] == now) {
        burst.together[together_count++] = burst.packets[left[i]];
      } else {
        left[later_count++] = left[i];
      }
    }
    left_count = later_count;
    send(state, io, now, burst.together.data(), together_count);
  }
}

/// Sends what waited for a MAC address that is known by now, in order; ends what has waited too long.
template <class Io>
void release_waiting(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  Waiting& waiting = state.waiting;
  if (waiting.count == 0) {
    return;
  }
  unsigned kept = 0;
  for (unsigned i = 0; i < waiting.count; ++i) {
    auto& item = waiting.items[i];
    const bool known_interface = item.hop.interface.value() < plan.interfaces.size();
    const l3::Adjacency next =
        known_interface ? state.node.adjacencies.find(item.hop.interface, item.hop.next_hop) : l3::Adjacency{};
    if (next.state == l3::AdjacencyState::reachable) {
      const plan::Interface& out = plan.interfaces[item.hop.interface.value()];
      if (write_link_header(item.packet, item.l3_offset, out, next.mac)) {
        send(state, io, {Outlet::port, item.packet.port.value()}, &item.packet, 1);
        continue;
      }
    } else if (known_interface && next.state != l3::AdjacencyState::failed &&
               now_ms - item.since_ms < Waiting::patience_ms) {
      waiting.items[kept++] = item;
      continue;
    }
    state.counters.add(Counter::drop_no_neighbour);
    send(state, io, {Outlet::release, 0}, &item.packet, 1);
  }
  waiting.count = kept;
}

}  // namespace limpet::path
