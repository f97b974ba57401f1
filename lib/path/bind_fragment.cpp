#include "path/bind_fragment.hpp"

#include <optional>

#include "net/fragment.hpp"
#include "net/parse.hpp"
#include "path/inward.hpp"
#include "path/leave.hpp"
#include "path/outward.hpp"

namespace limpet::path {
namespace {

using Stage = Datagram::Stage;

/// What no honest fragment is.
std::optional<Counter> fault_of(const net::Fragment& piece, const net::Parsed& parsed) noexcept {
  if (piece.more && piece.size % 8 != 0) {
    return Counter::drop_malformed;  // RFC 8200, section 4.5
  }
  if (piece.size == 0 || (piece.offset == 8 && parsed.protocol == net::ip_protocol::tcp)) {
    return Counter::drop_fragment_tiny;  // RFC 3128: it would overwrite or hold the flags
  }
  const std::uint32_t header = parsed.source.is_v4() ? net::ipv4::size : 0;
  if (header + piece.offset + piece.size > Pieces::datagram_max) {
    return Counter::drop_fragment_endless;
  }
  return std::nullopt;
}

DatagramKey key_of(const net::Fragment& piece, const net::Parsed& parsed) noexcept {
  return {parsed.source, parsed.destination, piece.id, parsed.source.is_v4() ? parsed.protocol : std::uint8_t{0}};
}

std::uint64_t hash_of(const State& state, const DatagramKey& key) noexcept {
  return state.flows.hash(flow::WideKey{key.source, key.destination, static_cast<std::uint16_t>(key.id >> 16),
                                        static_cast<std::uint16_t>(key.id), key.protocol, flow::Direction::forward});
}

/// A first fragment to a service's address that no service takes, or from a backend on a port of no service.
void bind_unclaimed(State& state, const plan::Plan& plan, const net::Parsed& parsed, Item& item) noexcept {
  const bool own = plan.owns(parsed.destination);
  if (item.way == Way::back || (!own && !plan.fronts.is_vip(parsed.destination))) {
    return leave_in_transit(state, plan, parsed, item, Counter::drop_no_service);
  }
  if (plan.interfaces[item.interface.value()].has_kernel) {
    item.verdict = Verdict::punt;
  } else {
    item.drop(own ? Counter::drop_fragment : Counter::drop_no_service);
  }
}

void bind_first(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, net::Parsed& parsed,
                Item& item) noexcept {
  const hash::Owner& owner = state.node.owner;
  const unsigned answered = item.local ? owner.owner_of_answer({parsed.source, parsed.source_port},
                                                               {parsed.destination, parsed.destination_port})
                                       : state.index;
  if (answered != state.index) {  // full NAT: only the first fragment tells whose the datagram is
    item.verdict = Verdict::handoff;
    item.handoff_worker = static_cast<std::uint16_t>(answered);
  } else if (item.local && item.endpoint == nullptr) {
    item.drop(Counter::drop_no_return_flow);
  } else if (item.listener == nullptr && item.endpoint == nullptr) {
    bind_unclaimed(state, plan, parsed, item);
  } else if (item.way == Way::in) {
    bind_inward(state, plan, now_ms, packet, parsed, item);
  } else {
    bind_outward(state, plan, now_ms, packet, parsed, item);
  }
}

/// The item is that of a first fragment, and this packet leaves likewise.
void leave_likewise(State& state, const plan::Plan& plan, const Packet& packet, const net::Parsed& parsed,
                    Item& item) noexcept {
  if (item.verdict != Verdict::undecided) {
    return;
  }
  state.counters.add(Counter::fragment_followed);
  if (item.way == Way::in) {
    leave_for_backend(state, plan, packet, parsed, item);
  } else if (leave_by_route(plan, item.local ? item.client.address : parsed.destination, item)) {
    state.counters.add(item.way == Way::back ? Counter::forwarded_back : Counter::routed);
  }
}

/// The plan may be another than when the first fragment was decided.
void follow(State& state, const plan::Plan& plan, const Datagram& datagram, const Packet& packet,
            const net::Parsed& parsed, Item& item) noexcept {
  const InterfaceIndex interface = item.interface;
  item = datagram.item;
  item.interface = interface;
  item.endpoint = nullptr;
  item.listener = datagram.listener.valid() ? plan.listener(datagram.listener) : nullptr;
  item.backend = datagram.backend.valid() ? plan.backend(datagram.backend) : nullptr;
  if (item.way == Way::in && item.verdict == Verdict::undecided &&
      (item.listener == nullptr || item.backend == nullptr)) {
    return item.drop(Counter::drop_fragment_refused);
  }
  leave_likewise(state, plan, packet, parsed, item);
}

void learn(State& state, Datagram& datagram, const Item& item) noexcept {
  state.counters.add(Counter::fragment_first);
  if (item.verdict == Verdict::undecided || item.verdict == Verdict::punt || item.verdict == Verdict::handoff) {
    state.fragments.decide(datagram, item);
  } else {
    state.fragments.refuse(datagram, state.counters, Counter::drop_fragment_refused);
  }
}

void hold_fragment(State& state, Datagram& datagram, const Packet& packet, Item& item) noexcept {
  if (state.fragments.hold(datagram, packet, item.interface, state.counters)) {
    state.counters.add(Counter::fragment_held);
    item.verdict = Verdict::keep;
  } else {
    item.drop(Counter::drop_fragment_full);
  }
}

/// Why this fragment does not go on with its datagram.
std::optional<Counter> refusal_of(State& state, Datagram& datagram, const net::Fragment& piece) noexcept {
  if (datagram.stage == Stage::refused) {
    return Counter::drop_fragment_refused;
  }
  switch (datagram.pieces.add(piece)) {
    case Pieces::Result::fresh:
      return std::nullopt;
    case Pieces::Result::duplicate:
      return Counter::drop_fragment_duplicate;
    case Pieces::Result::overlap:
      state.fragments.refuse(datagram, state.counters, Counter::drop_fragment_overlap);
      return Counter::drop_fragment_overlap;
    case Pieces::Result::scattered:
      state.fragments.refuse(datagram, state.counters, Counter::drop_fragment_endless);
      return Counter::drop_fragment_endless;
  }
  return std::nullopt;
}

}  // namespace

void bind_fragment(State& state, const plan::Plan& plan, Millis now_ms, Packet& packet, net::Parsed& parsed,
                   Item& item) noexcept {
  const net::Fragment piece = net::read_fragment(packet.data, parsed);
  if (const auto fault = fault_of(piece, parsed)) {
    return item.drop(*fault);
  }
  const DatagramKey key = key_of(piece, parsed);
  Datagram& datagram = state.fragments.find_or_make(key, hash_of(state, key), now_ms, state.counters);
  if (const auto refusal = refusal_of(state, datagram, piece)) {
    return item.drop(*refusal);
  }
  if (piece.offset == 0) {
    bind_first(state, plan, now_ms, packet, parsed, item);
    learn(state, datagram, item);
  } else if (datagram.stage == Stage::decided) {
    follow(state, plan, datagram, packet, parsed, item);
  } else {
    hold_fragment(state, datagram, packet, item);
  }
  if (datagram.stage == Stage::decided && datagram.pieces.complete()) {
    state.fragments.forget(datagram);
  }
}

void resume_fragments(State& state, const plan::Plan& plan, Burst& burst) noexcept {
  for (unsigned i = 0; i < burst.count; ++i) {
    const Packet& packet = burst.packets[i];
    net::parse(packet.data, packet.contiguous, packet.size, burst.parsed[i]);
    leave_likewise(state, plan, packet, burst.parsed[i], burst.items[i]);
  }
}

}  // namespace limpet::path
