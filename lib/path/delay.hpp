// Delayed binding: connections of services that must know more than a SYN tells before a backend is chosen. Limpet
// itself answers the SYN, with a cookie and without keeping anything (RFC 4987, section 3.6); whoever acknowledges it
// has shown its address. What the client then says waits, not acknowledged, until it is known which backend it is for;
// that one gets a SYN with the client's own number, so that nothing the client says is ever shifted, and when it has
// answered, what waits goes on like any packet. From then on only the numbers of what the backend says are moved, by
// the difference of its own first number and the cookie.
//
// Worker's thread only.
#pragma once

#include <utility>

#include "path/bind.hpp"
#include "path/classify.hpp"
#include "path/decide.hpp"
#include "path/flows.hpp"
#include "path/owned.hpp"
#include "path/parse.hpp"
#include "path/records.hpp"
#include "path/translate.hpp"
#include "path/transmit.hpp"

namespace limpet::path {

/// What becomes of a client's packet.
enum class Stand : std::uint8_t {
  goes_on,  // its connection has a backend, or never waited for one
  begins,   // a backend can be chosen now
  ended,    // answered, kept or dropped: the item says which
};

class Delay {
 public:
  Delay(State& state, const plan::Plan& plan, Flows& flows, Millis now_ms) noexcept
      : state_(state), plan_(plan), flows_(flows), now_ms_(now_ms) {}

  /// A client's packet to a listener that splices.
  [[nodiscard]] Stand stand(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  /// What there is to choose a backend by, once a connection begins; good until chosen() is called.
  [[nodiscard]] const plan::Payload& payload() const noexcept { return payload_; }
  /// The key in that.
  [[nodiscard]] const plan::Found& found() const noexcept { return found_; }
  /// Backends that have refused it or not answered.
  [[nodiscard]] std::span<const BackendSlot> tried() const noexcept { return tried_; }
  /// The item is bound to a backend, which is asked to open, or refused, and the client told so.
  void chosen(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;

  /// A client's packet, bound after stand(): as its backend numbers.
  void edit_inward(const Connection& c, Packet& packet, const net::Parsed& parsed, const Item& item) noexcept;
  /// A backend's packet, before it is bound: as its client numbers. False: it has been answered.
  bool edit_outward(const Connection& c, Packet& packet, net::Parsed& parsed, Item& item) noexcept;
  /// A backend's packet, bound after edit_outward(): its answer to the SYN ends here.
  void note_answer(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;

  /// The backend's number of what it has said, of the client's.
  [[nodiscard]] std::uint32_t backends_number(const Connection& c, const plan::Listener& listener,
                                              std::uint32_t clients) noexcept;
  /// A backend's packet, after edit_outward() turned into one for the backend: as it numbers.
  void edit_turned(const Connection& c, const Packet& packet, const net::Parsed& parsed,
                   const plan::Listener& listener) noexcept;
  /// A client's packet, bound, asks for another backend than its connection has, on a service that closes for it. True:
  /// both sides are told.
  bool conflicts(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  /// An ICMP error to the client, about a packet with this number. True: it is about the SYN to its backend, which is
  /// then as refused, and the client's no business.
  bool note_error(const Connection& c, const plan::Listener& listener, std::uint32_t sequence) noexcept;

 private:
  [[nodiscard]] splice::ConnectionKey key_of(const Connection& c, const plan::Listener& listener) const noexcept {
    return {c.client, c.client_port, static_cast<std::uint16_t>(listener.slot.value())};
  }
  [[nodiscard]] std::uint32_t now_s() const noexcept { return static_cast<std::uint32_t>(now_ms_ / 1000); }
  [[nodiscard]] std::optional<flow::State> flow_state(const Connection& c, const plan::Listener& listener) noexcept;
  void end_flow(const Connection& c, const plan::Listener& listener) noexcept;
  [[nodiscard]] std::optional<splice::Offer> cookie(const Connection& c, const Packet& packet,
                                                    const net::Parsed& parsed) const noexcept;
  void answer_syn(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  [[nodiscard]] Stand open(const Connection& c, Packet& packet, const net::Parsed& parsed, Item& item) noexcept;
  [[nodiscard]] Stand wait(const Connection& c, splice::Entry& entry, Packet& packet, const net::Parsed& parsed,
                           Item& item) noexcept;
  void hurry_oldest() noexcept;
  void give_up(const Connection& c, splice::Entry& entry, const plan::Listener& listener) noexcept;
  [[nodiscard]] plan::Payload payload_of(std::span<const std::uint8_t> bytes, bool last) const noexcept;
  [[nodiscard]] bool owes_cookie(const Connection& c, const plan::Listener& listener, const Awaited& one) noexcept;
  void splice(const Connection& c, const plan::Listener& listener, splice::Entry& entry, Awaited& one,
              const splice::Offer& backend, std::uint32_t sequence) noexcept;

  State& state_;
  const plan::Plan& plan_;
  Flows& flows_;
  Millis now_ms_;
  splice::Entry* entry_ = nullptr;  // of the connection that the last packet was of
  plan::Payload payload_;
  plan::Found found_;
  std::span<const BackendSlot> tried_;
};

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
