// The express way of one kind of packet: of an IP version, with full NAT or without.
#pragma once

#include "path/lane_reader.hpp"
#include "path/openings.hpp"
#include "path/tunnel.hpp"
#include "path/turns.hpp"
#include "plan/gateways.hpp"
#include "splice/edit.hpp"

namespace limpet::path {

/// What is read is looked up, all of a burst together, and decided about.
template <class Wire>
class Lane : public LaneReader<Wire> {
  using Base = LaneReader<Wire>;
  using Kind = lane::Kind;
  using Key = typename Base::Key;
  using Entry = typename Base::Entry;
  using Candidate = typename Base::Candidate;
  using Base::burst_, Base::candidates_, Base::count_, Base::follows_records, Base::handed_over_, Base::l3, Base::live_,
      Base::plan_, Base::state_;
  static constexpr net::Family family = Wire::family;
  static constexpr bool is_v4 = family == net::Family::v4;
  static constexpr std::uint16_t surely_not_idle_s = 1;  // whatever the time-outs, of which a second is the least

 public:
  [[gnu::always_inline]] inline Lane(State& state, const plan::Plan& plan, Burst& burst) noexcept
      : Base(state, plan, burst),
        tick_(burst.now_ms),
        openings_(state, plan, burst.now_ms),
        turns_(state, plan, burst.now_ms),
        plan_age_s_(state.legs.plan_age_s()) {}

  /// Returns how many packets are decided.
  [[gnu::always_inline]] inline unsigned finish() noexcept {
    if (count_ == 0) {
      return handed_over_;
    }
    look_up();
    for (unsigned i = 0; i < found_count_; ++i) {
      Candidate& c = candidates_[found_[i]];
      if (c.kind == Kind::ends) [[unlikely]] {
        prefetch_other(c);
        ending_[ending_count_++] = found_[i];
      } else {
        decide<true>(c);
      }
    }
    if (spliced_count_ != 0) {
      decide_spliced();
    }
    if (!openings_.empty() || half_open_count_ + ending_count_ != 0) [[unlikely]] {
      decide_turns();
    }
    return count();
  }

 private:
  /// Returns how many packets are decided.
  [[gnu::always_inline]] inline unsigned count() noexcept {
    state_.counters.add(Counter::flow_hit, in_);
    state_.counters.add(Counter::flow_new, opened_);
    state_.counters.add(Counter::record_hit, opened_);
    state_.counters.add(Counter::forwarded_in, in_ + opened_);
    state_.counters.add(Counter::forwarded_back, back_);
    state_.counters.add(Counter::encapsulated, tunnelled_);
    return in_ + opened_ + back_ + handed_over_;
  }

  [[gnu::always_inline]] inline void look_up() noexcept {
    std::array<std::uint8_t, burst_max> later;
    unsigned later_count = 0;
    for (unsigned i = 0; i < count_; ++i) {
      Candidate& c = candidates_[i];
      c.entry = live_.find_in(live_.first(c.hash), c.key);
      if (c.entry != nullptr) {
        found(i);
      } else {
        live_.prefetch(live_.second(c.hash));
        later[later_count++] = static_cast<std::uint8_t>(i);
      }
    }
    for (unsigned i = 0; i < later_count; ++i) {
      Candidate& c = candidates_[later[i]];
      c.entry = live_.find_in(live_.second(c.hash), c.key);
      if (c.entry != nullptr) {
        found(later[i]);
      } else {
        absent(later[i]);
      }
    }
  }

  /// The flow is not live: it begins, or is half-open.
  [[gnu::noinline]] void absent(unsigned i) noexcept {
    const Candidate& c = candidates_[i];
    if (Wire::local || c.kind == Kind::ends || (c.front != nullptr && !follows_records(*c.front))) {
      return;
    }
    if (c.kind == Kind::opens || (c.front != nullptr && c.protocol == net::ip_protocol::udp)) {
      open(c, openings_.no_former);
      return;
    }
    state_.flows.template prefetch_embryonic<Key>(c.hash);
    half_open_[half_open_count_++] = static_cast<std::uint8_t>(i);
    if (c.front != nullptr) {
      turns_.prefetch_record(*c.front, burst_.packets[c.packet].data + l3);
    }
  }

  [[gnu::noinline]] void open(const Candidate& c, std::uint32_t former) noexcept {
    std::uint8_t* const ip = burst_.packets[c.packet].data + l3;
    const net::IpAddress client = Wire::address(ip + Wire::source);
    if (client.family() == Wire::family && client.is_unicast() && !plan_.fronts.is_vip(client)) {
      openings_.add(*c.front, c.hash, ip, c.l3_size, c.protocol, c.packet, former);
    }
  }

  /// An entry was found: what it leads to is asked for. A live flow begins anew when it was over, else the long way
  /// knows what that means.
  [[gnu::always_inline]] inline void found(unsigned i) noexcept {
    const Candidate& c = candidates_[i];
    if (c.kind == Kind::opens) {
      if (c.entry->state() == flow::State::closing && !c.entry->is_rewritten() &&
          (c.entry->flags() & flow::flag::limited) == 0 && c.entry->used().age(tick_) < plan_age_s_) {
        open(c, c.entry->peer());
      }
      return;
    }
    found_[found_count_++] = static_cast<std::uint8_t>(i);
    if (c.front != nullptr) {
      state_.legs.prefetch(Wire::family, c.entry->peer());
      __builtin_prefetch(&state_.uses[c.entry->peer()], 1);
    }
  }

  /// `live`: surely, else perhaps half-open.
  template <bool live>
  [[gnu::always_inline]] inline void decide(Candidate& c) noexcept {
    const bool done = c.front != nullptr ? to_backend<live>(c) : to_client<live>(c);
    burst_.items[c.packet].verdict = done ? Verdict::forward : Verdict::undecided;
  }

  /// Flows that begin and end, after those that are live, whose entries may move when others become live.
  [[gnu::noinline]] void decide_turns() noexcept {
    openings_.prefetch_further();
    for (unsigned i = 0; i < half_open_count_; ++i) {
      Candidate& c = candidates_[half_open_[i]];
      c.entry = state_.flows.template find_like<Key>(c.key, c.hash);
      if (c.entry != nullptr) {
        prefetch_other(c);
      }
    }
    openings_.follow();
    for (unsigned i = 0; i < ending_count_; ++i) {
      decide<true>(candidates_[ending_[i]]);
    }
    for (unsigned i = 0; i < half_open_count_; ++i) {
      Candidate& c = candidates_[half_open_[i]];
      c.entry = state_.flows.template find_like<Key>(c.key, c.hash);  // an earlier packet may have made it live
      if (c.entry != nullptr) {
        decide<false>(c);
      }
    }
    open();
  }

  /// A segment of a live flow that may be a spliced connection: decided about when the numbers that it needs have had
  /// time to come. Not yet decided: false.
  [[gnu::noinline]] bool put_off(const Candidate& c) noexcept {
    if (c.kind == Kind::goes_on && c.entry->state() == flow::State::established && is_plain(*c.entry) &&
        c.protocol == net::ip_protocol::tcp) {
      const std::uint64_t hash = state_.spliced.hash(connection_of(c));
      state_.spliced.prefetch(hash);
      spliced_hash_[spliced_count_] = hash;
      spliced_[spliced_count_++] = static_cast<std::uint8_t>(&c - candidates_.data());
    }
    return false;
  }

  [[nodiscard]] splice::ConnectionKey connection_of(const Candidate& c) const noexcept {
    const std::uint8_t* const ip = burst_.packets[c.packet].data + l3;
    if (c.front != nullptr) {
      return {Wire::address(ip + Wire::source), load_be<std::uint16_t>(ip + Wire::header + net::tcp::source_port),
              c.front->listener};
    }
    const auto listener = static_cast<std::uint16_t>(c.entry->peer());
    if constexpr (Wire::local) {
      const flow::Carried client = c.entry->carried();
      return {client.vip, client.translated_port, listener};
    } else {
      return {Wire::address(ip + Wire::destination),
              load_be<std::uint16_t>(ip + Wire::header + net::tcp::destination_port), listener};
    }
  }

  /// Those whose connection is spliced, and nothing else is to be done about it.
  [[gnu::noinline]] void decide_spliced() noexcept {
    unsigned later_count = 0;
    for (unsigned i = 0; i < spliced_count_; ++i) {
      Candidate& c = candidates_[spliced_[i]];
      const splice::Entry* const joint = state_.spliced.find_first(connection_of(c), spliced_hash_[i]);
      if (joint != nullptr) {
        decide_spliced(c, spliced_hash_[i], *joint);
        continue;
      }
      state_.spliced.prefetch_second(spliced_hash_[i]);
      spliced_[later_count] = spliced_[i];
      spliced_hash_[later_count++] = spliced_hash_[i];
    }
    for (unsigned i = 0; i < later_count; ++i) {
      Candidate& c = candidates_[spliced_[i]];
      const splice::Entry* const joint = state_.spliced.find_second(connection_of(c), spliced_hash_[i]);
      if (joint != nullptr) {
        decide_spliced(c, spliced_hash_[i], *joint);
      }
    }
  }
  [[gnu::always_inline]] inline void decide_spliced(Candidate& c, std::uint64_t hash,
                                                    const splice::Entry& joint) noexcept {
    std::uint8_t* const l4 = burst_.packets[c.packet].data + l3 + Wire::header;
    if (!joint.is_plain() || !state_.ack_guard.passes(hash, l4, c.l3_size - Wire::header, tick_)) [[unlikely]] {
      return;
    }
    bool done = false;
    if (c.front != nullptr) {
      done = hand_in<true>(c, [&] { splice::edit_inward(joint, l4); });
    } else if (const plan::Vip* const vip = plan_.express.spliced_vip(c.entry->peer())) {
      done = hand_back<true>(c, *vip, [&] { splice::edit_outward(joint, l4); });
    }
    if (done) {
      burst_.items[c.packet].verdict = Verdict::forward;
      ++state_.spliced_express;
    }
  }

  /// Asks for the entry of the flow's other direction.
  [[gnu::noinline]] void prefetch_other(const Candidate& c) noexcept {
    const std::uint8_t* const ip = burst_.packets[c.packet].data + l3;
    if (c.front != nullptr) {
      const Leg& leg = state_.legs.to_backend(Wire::family, c.entry->peer(), state_.node, state_.waiting);
      turns_.prefetch_back(leg, ip, c.entry->state() == flow::State::embryonic);
    } else if (const plan::Vip* const vip = plan_.express.vip(c.entry->peer())) {
      turns_.prefetch_forward(*c.entry, *vip, ip);
    }
  }

  /// The flow goes on, and the long way has seen it under this plan, which may have changed what it runs between.
  [[nodiscard]] [[gnu::always_inline]] inline bool is_current(const Entry& entry,
                                                              std::uint16_t timeout_s) const noexcept {
    const std::uint16_t age_s = entry.used().age(tick_);
    const auto state = entry.state();
    const bool transient = state == flow::State::embryonic || state == flow::State::closing;
    return is_plain(entry) && age_s <= (transient ? surely_not_idle_s : timeout_s) && age_s < plan_age_s_;
  }

  /// Nothing else is changed than what the lane knows of.
  [[gnu::always_inline]] static inline bool is_plain(const Entry& entry) noexcept {
    if constexpr (Wire::local) {
      constexpr std::uint8_t which = flow::flag::local | flow::flag::rests;
      return (entry.flags() & which) == flow::flag::local && entry.carried().vip.family() == Wire::family;
    } else {
      return !entry.is_rewritten();
    }
  }

  /// Notes a client's packet with its flow.
  template <bool live>
  [[gnu::always_inline]] inline bool note_in(const Candidate& c, Entry& entry, const plan::Front& front, const Leg& leg,
                                             const std::uint8_t* ip) noexcept {
    if (!live && entry.state() == flow::State::embryonic) {
      return turns_.show(entry, c.hash, front, leg, ip);
    }
    if (c.kind == Kind::ends && !turns_.client_ends(entry, front, leg, ip)) {
      return false;
    }
    entry.touch(tick_);
    return true;
  }
  /// A backend's.
  template <bool live>
  [[gnu::always_inline]] inline bool note_back(Entry& entry, Kind kind, const plan::Vip& vip,
                                               const std::uint8_t* ip) noexcept {
    if (!live && entry.state() == flow::State::embryonic) {
      return turns_.answer(entry, vip, ip);
    }
    if (kind == Kind::ends && !turns_.backend_ends(entry, vip, ip)) {
      return false;
    }
    entry.touch(tick_);
    return true;
  }

  template <bool live>
  [[gnu::always_inline]] inline bool to_backend(Candidate& c) noexcept {
    if ((c.front->flags & (plan::Front::tunnel | plan::Front::spliced)) != 0) {
      return (c.front->flags & plan::Front::tunnel) != 0 ? to_tunnel<live>(c) : put_off(c);
    }
    return hand_in<live>(c, [] {});
  }

  /// `edit`: called before the packet is readdressed.
  template <bool live, class Edit>
  [[gnu::always_inline]] inline bool hand_in(Candidate& c, Edit&& edit) noexcept {
    const plan::Front front = *c.front;
    const std::uint32_t slot = c.entry->peer();
    const Leg& leg = state_.legs.to_backend(family, slot, state_.node, state_.waiting);
    const Leg* const out = way_in(c, front, slot, leg, c.l3_size);
    Packet& packet = burst_.packets[c.packet];
    if (out == nullptr || !note_in<live>(c, *c.entry, front, leg, packet.data + l3)) {
      return false;
    }
    ++in_;
    edit();
    readdress(packet, front, slot, leg, c.protocol, *c.entry);
    send(packet, c.l3_size, *out);
    return true;
  }

  /// By which leg a packet of `size` to a backend leaves. Null: the long way is for it.
  [[gnu::always_inline]] inline const Leg* way_in(const Candidate& c, const plan::Front& front, std::uint32_t slot,
                                                  const Leg& leg, std::uint32_t size) noexcept {
    const Leg* out = &leg;
    if (leg.pool != front.pool || (size > leg.mtu && (out = gateway(c, leg, size)) == nullptr) ||
        !is_current(*c.entry, front.quiet_max_s)) {
      return nullptr;
    }
    if ((front.flags & plan::Front::every_second) != 0 && c.entry->used() != tick_) {
      return nullptr;
    }
    if ((front.flags & plan::Front::udp) != 0 && !state_.node.backends.takes_new(BackendSlot(slot))) {
      return nullptr;  // a datagram's flow ends with its backend
    }
    return out;
  }

  /// The same as to_backend(), into the service's tunnel.
  template <bool live>
  [[gnu::noinline]] bool to_tunnel(Candidate& c) noexcept {
    const plan::Front front = *c.front;
    const std::uint32_t slot = c.entry->peer();
    const Leg& leg = state_.legs.to_backend(family, slot, state_.node, state_.waiting);
    const plan::Tunnel& tunnel = plan_.service_of(*plan_.listener(ListenerSlot(front.listener))).tunnel;
    const auto overhead = static_cast<std::uint32_t>(net::encap_size(tunnel.encap, family));
    const Leg* const out = way_in(c, front, slot, leg, c.l3_size + overhead);
    Packet& packet = burst_.packets[c.packet];
    std::uint8_t* const ip = packet.data + l3;
    if (out == nullptr || packet.headroom < overhead) {
      return false;
    }
    const std::uint64_t shown = shows_flow(tunnel, family) ? shown_of(plan_, flow_of(ip, c.protocol)) : 0;
    const net::IpAddress* const source = source_of(plan_, tunnel, family, shown, out->interface);
    if (source == nullptr || !note_in<live>(c, *c.entry, front, leg, ip)) {
      return false;
    }
    ++in_;
    ++tunnelled_;
    count_use(slot, packet.size);
    net::forward_plain<Wire>(ip);
    net::Outer outer;
    set_outer(outer, tunnel, shown, *source, leg.address);
    set_fragmenting(outer, state_, tunnel, ip, is_v4);
    static_cast<void>(net::encapsulate({ip, c.l3_size, c.l3_size, c.protocol, is_v4, true}, outer));  // all is here
    packet.data -= overhead;
    packet.headroom = static_cast<std::uint16_t>(packet.headroom - overhead);
    packet.capacity = static_cast<std::uint16_t>(packet.capacity + overhead);
    store_be<std::uint16_t>(packet.data + net::ethernet::type, is_v4 ? net::ether_type::ipv4 : net::ether_type::ipv6);
    send(packet, c.l3_size + overhead, *out);
    return true;
  }

  static net::TupleRead flow_of(const std::uint8_t* ip, std::uint8_t protocol) noexcept {
    return {Wire::address(ip + Wire::source), Wire::address(ip + Wire::destination),
            load_be<std::uint16_t>(ip + Wire::header + net::tcp::source_port),
            load_be<std::uint16_t>(ip + Wire::header + net::tcp::destination_port), protocol};
  }

  /// First packets, whose flows are known from now on.
  void open() noexcept {
    openings_.enter([&](const typename Openings<Wire>::Opening& o) {
      ++opened_;
      readdress(burst_.packets[o.packet], *o.front, o.backend, *o.leg, o.protocol, {});
      send(burst_.packets[o.packet], o.l3_size, *o.leg);
      burst_.items[o.packet].verdict = Verdict::forward;
    });
  }

  [[gnu::always_inline]] inline void count_use(std::uint32_t slot, std::uint32_t size) noexcept {
    plan::BackendUse& use = state_.uses[slot];
    add_relaxed(use.packets, 1);
    add_relaxed(use.bytes, size);
  }

  /// For the backend, and counts it there. `entry`: of full NAT, it says what the backend sees of the client.
  [[gnu::always_inline]] inline void readdress(const Packet& packet, const plan::Front& front, std::uint32_t slot,
                                               const Leg& leg, std::uint8_t protocol,
                                               [[maybe_unused]] const Entry& entry) noexcept {
    count_use(slot, packet.size);
    if constexpr (Wire::local) {
      const flow::Carried seen = entry.carried();
      net::readdress_plain<Wire>(packet.data + l3, protocol, {seen.vip.wire_bytes(), be16(seen.translated_port).raw()},
                                 {leg.wire_address(), leg.l4_port});
    } else if ((front.flags & plan::Front::dr) != 0) {
      net::forward_plain<Wire>(packet.data + l3);
    } else {
      net::readdress_plain<Wire, false>(packet.data + l3, protocol, leg.wire_address(), leg.l4_port);
    }
  }

  template <bool live>
  [[gnu::always_inline]] inline bool to_client(Candidate& c) noexcept {
    const plan::Vip* const vip = plan_.express.vip(c.entry->peer());
    return vip != nullptr ? hand_back<live>(c, *vip, [] {}) : put_off(c);
  }

  template <bool live, class Edit>
  [[gnu::always_inline]] inline bool hand_back(Candidate& c, const plan::Vip& vip, Edit&& edit) noexcept {
    Entry& entry = *c.entry;
    Packet& packet = burst_.packets[c.packet];
    if (c.kind == Kind::answers && vip.lowers_mss) {
      return false;
    }
    const bool silent = (entry.flags() & flow::flag::answered) == 0;
    if ((silent && (live || entry.state() != flow::State::embryonic)) || !is_current(entry, vip.timeout_s)) {
      return false;
    }
    const net::IpAddress client = Wire::local ? entry.carried().vip : net::IpAddress{};
    const std::uint32_t route = plan_.routes.template number<Wire::family>(
        Wire::local ? client.wire_bytes() : packet.data + l3 + Wire::destination);
    const Leg& leg = state_.legs.by_route(route, state_.node, state_.waiting);
    const Leg* out = &leg;
    if (c.l3_size > leg.mtu && (out = gateway(c, leg, c.l3_size)) == nullptr) {
      return false;
    }
    if (!note_back<live>(entry, c.kind, vip, packet.data + l3)) {
      return false;
    }
    ++back_;
    edit();
    if constexpr (Wire::local) {
      net::readdress_plain<Wire>(packet.data + l3, c.protocol, {vip.wire_address(), vip.l4_port},
                                 {client.wire_bytes(), be16(entry.carried().translated_port).raw()});
    } else {
      net::readdress_plain<Wire, true>(packet.data + l3, c.protocol, vip.wire_address(), vip.l4_port);
    }
    send(packet, c.l3_size, *out);
    return true;
  }

  /// By which of a leg's gateways the packet leaves; null: one for the long way.
  [[gnu::noinline]] const Leg* gateway(const Candidate& c, const Leg& leg, std::uint32_t size) noexcept {
    if (leg.gateways == 0 || Wire::local) {
      return nullptr;
    }
    const std::uint8_t* const ip = burst_.packets[c.packet].data + l3;
    const bool in = c.front != nullptr;
    const std::uint8_t* const port = ip + Wire::header + (in ? net::tcp::source_port : net::tcp::destination_port);
    const std::uint64_t flow =
        plan::flow_of(Wire::address(ip + (in ? Wire::source : Wire::destination)), load_be<std::uint16_t>(port));
    const Leg& own = state_.legs.by_gateway(leg.gateways, flow, state_.node, state_.waiting);
    return size > own.mtu ? nullptr : &own;
  }

  [[gnu::always_inline]] static inline void send(Packet& packet, std::uint32_t l3_size, const Leg& leg) noexcept {
    std::memcpy(packet.data, leg.link.data(), 12);
    packet.size = static_cast<std::uint32_t>(l3 + l3_size);  // padding stays behind
    packet.contiguous = static_cast<std::uint16_t>(packet.size);
    packet.port = leg.port;
  }

  const Tick16 tick_;
  Openings<Wire> openings_;
  Turns<Wire> turns_;
  const std::uint16_t plan_age_s_;
  unsigned found_count_ = 0;
  unsigned half_open_count_ = 0;
  unsigned ending_count_ = 0;
  unsigned spliced_count_ = 0;
  unsigned in_ = 0;
  unsigned opened_ = 0;
  unsigned back_ = 0;
  unsigned tunnelled_ = 0;
  std::array<std::uint8_t, burst_max> found_;
  std::array<std::uint8_t, burst_max> half_open_;
  std::array<std::uint8_t, burst_max> ending_;
  std::array<std::uint8_t, burst_max> spliced_;
  std::array<std::uint64_t, burst_max> spliced_hash_;
};

}  // namespace limpet::path
