// Last stage for a packet: its verdict is carried out. Runs of packets with one destination leave in one call;
// what a destination does not take is released and counted.
#pragma once

#include "path/burst.hpp"
#include "path/state.hpp"
#include "path/translate.hpp"

namespace limpet::path {

/// Collects neighbours in the burst that go to one place.
template <class Io>
class Outbox {
 public:
  Outbox(State& state, Io& io) noexcept : state_(state), io_(io) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { flush(); }

  void put(Destination to, const Packet& packet) noexcept {
    if (count_ != 0 && (to.outlet != to_.outlet || to.index != to_.index || count_ == burst_max)) {
      flush();
    }
    to_ = to;
    packets_[count_++] = packet;
  }

 private:
  void flush() noexcept {
    if (count_ == 0) {
      return;
    }
    const unsigned taken = io_.transmit(to_, packets_.data(), count_);
    count(taken);
    if (taken < count_) {
      io_.transmit({Outlet::release, 0}, packets_.data() + taken, count_ - taken);
    }
    count_ = 0;
  }

  void count(unsigned taken) noexcept {
    const unsigned refused = count_ - taken;
    switch (to_.outlet) {
      case Outlet::port: {
        std::uint64_t bytes = 0;
        for (unsigned i = 0; i < taken; ++i) {
          bytes += packets_[i].size;
        }
        state_.counters.add(Counter::transmitted, taken);
        state_.counters.add(Counter::transmitted_bytes, bytes);
        state_.counters.add(Counter::drop_transmit_full, refused);
        break;
      }
      case Outlet::worker:
        state_.counters.add(Counter::handed_off, taken);
        state_.counters.add(Counter::drop_handoff_full, refused);
        break;
      case Outlet::kernel:
        state_.counters.add(Counter::punted, taken);
        state_.counters.add(Counter::drop_kernel_full, refused);
        break;
      case Outlet::release:
        break;
    }
  }

  State& state_;
  Io& io_;
  Destination to_;
  unsigned count_ = 0;
  std::array<Packet, burst_max> packets_;
};

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

template <class Io>
void transmit(State& state, const plan::Plan&, Io& io, Burst& burst) noexcept {
  Outbox<Io> outbox(state, io);
  for (unsigned i = 0; i < burst.count; ++i) {
    Packet& packet = burst.packets[i];
    const Item& item = burst.items[i];
    switch (item.verdict) {
      case Verdict::reply:
        state.counters.add(Counter::replied);
        [[fallthrough]];
      case Verdict::forward:
        outbox.put({Outlet::port, packet.port.value()}, packet);
        break;
      case Verdict::hold:
        if (!hold(state, packet, burst.parsed[i], item, burst.now_ms)) {
          state.counters.add(Counter::drop_neighbour_queue_full);
          outbox.put({Outlet::release, 0}, packet);
        }
        break;
      case Verdict::punt:
        outbox.put({Outlet::kernel, packet.port.value()}, packet);
        break;
      case Verdict::handoff:
        outbox.put({Outlet::worker, item.handoff_worker}, packet);
        break;
      case Verdict::drop:
      case Verdict::undecided:
        state.counters.add(item.reason);
        outbox.put({Outlet::release, 0}, packet);
        break;
    }
  }
}

/// Sends what waited for a MAC address that is known by now, in order; ends what has waited too long.
template <class Io>
void release_waiting(State& state, const plan::Plan& plan, Io& io, Millis now_ms) noexcept {
  Waiting& waiting = state.waiting;
  if (waiting.count == 0) {
    return;
  }
  Outbox<Io> outbox(state, io);
  unsigned kept = 0;
  for (unsigned i = 0; i < waiting.count; ++i) {
    auto& item = waiting.items[i];
    const bool known_interface = item.hop.interface.value() < plan.interfaces.size();
    const l3::Adjacency next =
        known_interface ? state.node.adjacencies.find(item.hop.interface, item.hop.next_hop) : l3::Adjacency{};
    if (next.state == l3::AdjacencyState::reachable) {
      const plan::Interface& out = plan.interfaces[item.hop.interface.value()];
      if (write_link_header(item.packet, item.l3_offset, out, next.mac)) {
        outbox.put({Outlet::port, item.packet.port.value()}, item.packet);
        continue;
      }
    } else if (known_interface && next.state != l3::AdjacencyState::failed &&
               now_ms - item.since_ms < Waiting::patience_ms) {
      waiting.items[kept++] = item;
      continue;
    }
    state.counters.add(Counter::drop_no_neighbour);
    outbox.put({Outlet::release, 0}, item.packet);
  }
  waiting.count = kept;
}

}  // namespace limpet::path
