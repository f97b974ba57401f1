// The express way of packets that change what is known of their flow: a backend's first answer, the client's first
// packet after it, with which the flow becomes live, and what ends a connection. Books only; the packet itself goes on
// like any other of its flow. What returns false has changed nothing: the long way is for the packet.
#pragma once

#include "path/entries.hpp"
#include "path/flows.hpp"
#include "path/source_record.hpp"
#include "path/state.hpp"
#include "path/wire.hpp"

namespace limpet::path {

template <class Wire>
class Turns {
  using Key = typename Wire::Key;
  using Entry = flow::Entry<Key>;

 public:
  Turns(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), tick_(now_ms), now_s_(static_cast<std::uint32_t>(now_ms / 1000)) {}

  /// show() may be called for this packet: asks for its session's record.
  void prefetch_record(const plan::Front& front, const std::uint8_t* ip) const noexcept {
    state_.node.records.prefetch_lasting(SourceRecord<Wire>(state_, plan_, front, ip).hash);
  }
  /// Ask for what is known of the other direction, as far as it is needed.
  void prefetch_back(const Leg& leg, const std::uint8_t* ip, bool half_open) const noexcept {
    prefetch(back_key(leg, ip), half_open);
  }
  void prefetch_forward(const Entry& back, const plan::Vip& vip, const std::uint8_t* ip) const noexcept {
    const Key key = forward_key(back, vip, ip);
    prefetch(key, back.state() == flow::State::embryonic);
  }

  /// A backend's packet of a half-open flow, whose way back is `back`.
  [[gnu::noinline]] bool answer(Entry& back, const plan::Vip& vip, const std::uint8_t* ip) noexcept {
    if ((back.flags() & flow::flag::answered) == 0) {
      Entry* const forward = find_forward(embryonic(), back, vip, ip);
      if (forward == nullptr || forward->peer() >= state_.node.backends.count()) {
        return false;
      }
      if (ip[Wire::protocol] == net::ip_protocol::tcp) {
        add_relaxed(state_.uses[forward->peer()].succeeded, 1);
      }
      mark(back, flow::flag::answered);
      mark(*forward, flow::flag::answered);
    }
    back.touch(tick_);
    return true;
  }

  /// A client's packet that neither opens nor ends its half-open connection, whose session has a lasting record: once
  /// it has been answered the flow is live.
  [[gnu::noinline]] bool show(Entry& half_open, std::uint64_t hash, const plan::Front& front, const Leg& leg,
                              const std::uint8_t* ip) noexcept {
    using namespace flow::flag;
    const bool direct = is_direct(front);
    const std::uint8_t before = half_open.flags();
    if ((before & ~recorded) != (direct ? before & answered : answered)) {
      return false;
    }
    const SourceRecord<Wire> session(state_, plan_, front, ip);
    const auto record = state_.node.records.find_lasting(session.key, session.hash);
    if (!record || (!direct && !promote_back(front, leg, ip))) {
      return false;
    }
    half_open.set_flags(before | counted | recorded);
    Entry* const live = promote(state_, half_open.key(), hash);
    if (live == nullptr) {
      half_open.set_flags(before);
      return false;
    }
    if (live->used() != tick_) {
      live->touch(tick_);
      state_.node.records.touch(*record, now_s_);
    }
    plan::BackendUse& use = state_.uses[live->peer()];
    add_relaxed(use.connecting, -1);
    add_relaxed(use.flows, 1);
    return true;
  }

  /// A client's FIN or RST on a live connection.
  [[gnu::noinline]] bool client_ends(Entry& forward, const plan::Front& front, const Leg& leg,
                                     const std::uint8_t* ip) noexcept {
    const bool direct = is_direct(front);
    Entry* const back = direct ? nullptr : find_back(live(), front, leg, ip);
    if ((!direct && back == nullptr) || (forward.flags() & flow::flag::limited) != 0) {
      return false;
    }
    Flows::mark_end(forward, flow::flag::client_fin, direct || resets(ip));  // direct: all that we shall see
    if (back != nullptr) {
      Flows::mark_end(*back, flow::flag::client_fin, resets(ip));
    }
    return true;
  }

  /// A backend's. `back`: the live way back.
  [[gnu::noinline]] bool backend_ends(Entry& back, const plan::Vip& vip, const std::uint8_t* ip) noexcept {
    Entry* const forward = find_forward(live(), back, vip, ip);
    if (forward == nullptr || (forward->flags() & flow::flag::limited) != 0) {
      return false;
    }
    for (Entry* const entry : {&back, forward}) {
      mark(*entry, flow::flag::answered);
      Flows::mark_end(*entry, flow::flag::server_fin, resets(ip));
    }
    return true;
  }

 private:
  static bool is_direct(const plan::Front& front) noexcept { return (front.flags & plan::Front::dr) != 0; }
  static bool resets(const std::uint8_t* ip) noexcept {
    return (ip[Wire::header + net::tcp::flags] & net::tcp_flag::rst) != 0;
  }
  static void mark(Entry& entry, std::uint8_t flag) noexcept {
    entry.set_flags(static_cast<std::uint8_t>(entry.flags() | flag));
  }
  static std::uint16_t port(const std::uint8_t* ip, std::size_t which) noexcept {
    return load_be<std::uint16_t>(ip + Wire::header + which);
  }

  using Share = flow::Share<Key>;
  [[nodiscard]] const Share& live() const noexcept { return state_.flows.template live_share<Key>(); }
  [[nodiscard]] const Share& embryonic() const noexcept { return state_.flows.template embryonic_share<Key>(); }

  /// Of a backend's packet in the other direction.
  static Key forward_key(const Entry& back, const plan::Vip& vip, const std::uint8_t* ip) noexcept {
    return Wire::forward(ip + Wire::destination, vip.wire_address(), port(ip, net::tcp::destination_port), back.peer());
  }
  /// Of a client's TCP packet.
  static Key back_key(const Leg& leg, const std::uint8_t* ip) noexcept {
    return Wire::back(ip + Wire::source, port(ip, net::tcp::source_port), leg.tcp_endpoint);
  }
  void prefetch(const Key& key, bool half_open) const noexcept {
    const std::uint64_t hash = state_.flows.hash(key);
    Share::prefetch(live().first(hash));
    if (half_open) {
      embryonic().prefetch(hash);
    } else {
      Share::prefetch(live().second(hash));
    }
  }

  /// Null, too, when the client's port is rewritten.
  Entry* find_forward(const Share& share, const Entry& back, const plan::Vip& vip, const std::uint8_t* ip) noexcept {
    const Key key = forward_key(back, vip, ip);
    Entry* const entry = share.find(key, state_.flows.hash(key));
    return entry == nullptr || entry->is_rewritten() ? nullptr : entry;
  }
  Entry* find_back(const Share& share, const plan::Front& front, const Leg& leg, const std::uint8_t* ip) noexcept {
    if (leg.tcp_endpoint == ~0u) {
      return nullptr;
    }
    const Key key = back_key(leg, ip);
    Entry* const entry = share.find(key, state_.flows.hash(key));
    return entry == nullptr || entry->peer() != front.listener ? nullptr : entry;
  }
  bool promote_back(const plan::Front& front, const Leg& leg, const std::uint8_t* ip) noexcept {
    Entry* const back = find_back(embryonic(), front, leg, ip);
    if (back == nullptr) {
      return false;
    }
    const Key key = back->key();
    return promote(state_, key, state_.flows.hash(key)) != nullptr;
  }

  State& state_;
  const plan::Plan& plan_;
  Tick16 tick_;
  std::uint32_t now_s_;
};

}  // namespace limpet::path
