// The express way of first packets: those that open a flow of a session with a lasting record, to a backend that takes
// it as the record says. Nothing is decided here, a record is followed; whatever else there might be to look at or to
// say about the packet leaves it to the long way, which would do the same with these.
#pragma once

#include "path/entries.hpp"
#include "path/flows.hpp"
#include "path/source_record.hpp"
#include "path/state.hpp"
#include "path/wire.hpp"
#include "plan/lifetime.hpp"

namespace limpet::path {

/// One burst's, in steps between which memory has time to answer: add() and prefetch_further() ask for the record,
/// follow() reads it and asks for the way back, enter() writes.
template <class Wire>
class Openings {
  using Key = typename Wire::Key;

 public:
  struct Opening {
    const plan::Front* front;
    std::uint64_t hash;  // of the forward key
    std::uint8_t* ip;
    std::uint16_t l3_size;
    std::uint8_t protocol;
    std::uint8_t packet;  // its place in the burst

    std::uint64_t record_hash;
    const plan::Persist* persist;
    std::uint64_t record_key;  // its high word: narrow
    std::uint32_t record_scope;

    const Leg* leg;
    std::uint64_t back_hash;
    std::uint32_t backend;
    std::uint32_t endpoint;
    std::uint32_t former;  // backend of the closing flow that this one takes the place of; no_former: none
  };
  static constexpr std::uint32_t no_former = ~0u;
  static_assert(std::is_trivially_default_constructible_v<Opening>);

  Openings(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), tick_(now_ms), now_ms_(now_ms), now_s_(static_cast<std::uint32_t>(now_ms / 1000)) {}

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  /// A packet that opens a flow which is not live, or closing. Its front follows records.
  void add(const plan::Front& front, std::uint64_t hash, std::uint8_t* ip, std::uint16_t l3_size, std::uint8_t protocol,
           std::uint8_t packet, std::uint32_t former) noexcept {
    Opening& o = openings_[count_++];
    o.front = &front;
    o.hash = hash;
    o.ip = ip;
    o.l3_size = l3_size;
    o.protocol = protocol;
    o.packet = packet;
    o.former = former;
    const SourceRecord<Wire> session(state_, plan_, front, ip);
    o.persist = session.persist;
    o.record_key = session.key.high;
    o.record_scope = session.key.scope;
    o.record_hash = session.hash;
    state_.node.records.prefetch_lasting(o.record_hash);
    state_.flows.template prefetch_embryonic<Key>(hash);
  }

  /// Once the records' first lines have come.
  void prefetch_further() const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      state_.node.records.prefetch_lasting_further(openings_[i].record_hash);
    }
  }
  /// Where the records lead. Those that the long way is for are forgotten.
  void follow() noexcept {
    unsigned kept = 0;
    for (unsigned i = 0; i < count_; ++i) {
      if (is_led(openings_[i])) {
        openings_[kept++] = openings_[i];
      }
    }
    count_ = kept;
  }

  /// Calls `f(opening)` for each that is a known flow from now on.
  template <class F>
  void enter(F&& f) noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      if (is_entered(openings_[i])) {
        f(openings_[i]);
      }
    }
  }

 private:
  static constexpr std::uint32_t no_endpoint = ~0u;

  [[nodiscard]] Key forward_key(const Opening& o) const noexcept {
    return Wire::forward(o.ip + Wire::source, o.ip + Wire::destination,
                         load_be<std::uint16_t>(o.ip + Wire::header + net::tcp::source_port), o.front->listener);
  }
  [[nodiscard]] Key back_key(const Opening& o) const noexcept {
    return Wire::back(o.ip + Wire::source, load_be<std::uint16_t>(o.ip + Wire::header + net::tcp::source_port),
                      o.endpoint);
  }

  bool is_led(Opening& o) noexcept {
    const auto place = state_.node.records.find_lasting({o.record_key, 0, o.record_scope, false}, o.record_hash);
    if (!place) {
      return false;
    }
    const record::Record& record = place->seen.record;
    o.backend = record.backend.value();
    if ((o.former != no_former && o.former != o.backend) || record.home != record::at_home ||
        plan::life_of(record, *o.persist, now_s_) != plan::Life::going_on ||
        o.backend >= state_.node.backends.count() || !state_.node.backends.takes_new(record.backend)) {
      return false;
    }
    o.leg = &state_.legs.to_backend(Wire::family, o.backend, state_.node, state_.waiting);
    if (o.leg->pool != o.front->pool || o.l3_size > o.leg->mtu || !o.leg->unlimited) {
      return false;
    }
    if (record.used_s != now_s_) {
      state_.node.records.touch(*place, now_s_);
    }
    o.endpoint = no_endpoint;
    if ((o.front->flags & plan::Front::dr) != 0) {
      return true;
    }
    o.endpoint = o.protocol == net::ip_protocol::tcp ? o.leg->tcp_endpoint : o.leg->udp_endpoint;
    if (o.endpoint == no_endpoint) {
      return false;
    }
    o.back_hash = state_.flows.hash(back_key(o));
    state_.flows.prefetch(back_key(o), o.back_hash);
    return true;
  }

  bool is_entered(const Opening& o) noexcept {
    const Key forward = forward_key(o);
    const bool renews = o.former != no_former;  // else an earlier packet of the burst may have made the flow live
    if ((renews ? state_.flows.find_embryonic(forward, o.hash) : state_.flows.find(forward, o.hash)) != nullptr ||
        (renews && !ends_former(o, forward))) {
      return false;
    }
    flow::Value value{o.backend, flow::State::embryonic, 0, tick_};
    if (o.endpoint != no_endpoint) {
      const Key back = back_key(o);
      if (state_.flows.find(back, o.back_hash) != nullptr || (narrow && state_.flows.wide_v4_ways_back() != 0)) {
        return false;
      }
      value.peer = o.front->listener;
      insert_embryonic(state_, back, o.back_hash, value, carried(o));
      value.peer = o.backend;
    }
    insert_embryonic(state_, forward, o.hash, value, {});
    add_relaxed(state_.uses[o.backend].connecting, 1);
    add_relaxed(state_.uses[o.backend].flows_total, 1);
    o.persist->use->add(state_.index, counters::ProfileCounter::record_hit);
    return true;
  }

  /// The closing flow of the same client and port is over. False: there is none any more, or not only this.
  bool ends_former(const Opening& o, const Key& forward) noexcept {
    flow::Entry<Key>* const closing = state_.flows.find(forward, o.hash);
    if (closing == nullptr || closing->state() != flow::State::closing) {
      return false;
    }
    if (o.endpoint != no_endpoint) {
      const auto* const back = state_.flows.find(back_key(o), o.back_hash);
      if (back != nullptr && back->peer() != o.front->listener) {
        return false;
      }
      state_.flows.erase(back_key(o), o.back_hash);
    }
    const plan::Listener& listener = *plan_.listener(ListenerSlot(o.front->listener));
    Flows(state_, plan_, now_ms_).count_end(&listener, connection_of(listener, forward), closing->value());
    return state_.flows.erase(forward, o.hash);
  }

  static constexpr bool narrow = std::is_same_v<Key, flow::NarrowKey>;
  /// What the way back carries where it has room.
  [[nodiscard]] static flow::Carried carried(const Opening& o) noexcept {
    if constexpr (narrow) {
      return {};
    } else {
      const std::uint8_t* const to = o.ip + Wire::destination;
      return {Wire::address(to), load_be<std::uint16_t>(o.ip + Wire::header + net::tcp::destination_port), 0};
    }
  }

  State& state_;
  const plan::Plan& plan_;
  Tick16 tick_;
  Millis now_ms_;
  std::uint32_t now_s_;
  unsigned count_ = 0;
  std::array<Opening, burst_max> openings_;
};

}  // namespace limpet::path
