// The life of a flow's entries: both directions found, marked, ended together. Used by bind and sweep; the
// worker's thread only.
#pragma once

#include <optional>

#include "path/flow_keys.hpp"
#include "path/state.hpp"

namespace limpet::path {

inline bool is_tcp(const plan::Listener& listener) noexcept {
  return listener.listen.protocol == net::Protocol::tcp;
}
/// The first packet of a connection (RFC 9293, section 3.5).
inline bool opens_connection(const net::Parsed& parsed) noexcept {
  return (parsed.tcp_flags & (net::tcp_flag::syn | net::tcp_flag::ack)) == net::tcp_flag::syn;
}

class Flows {
 public:
  Flows(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_ms_(now_ms), tick_(now_ms) {}

  /// The entry of the other direction, or nothing. Calls `f(entry)` and says whether there was one.
  template <class F>
  bool with_back(const plan::Listener& listener, const plan::Backend& backend, const Connection& c,
                 const net::Endpoint& seen, F&& f) noexcept {
    const plan::EndpointEntry* endpoint = endpoint_of(plan_, listener, backend, c, seen);
    if (endpoint == nullptr) {
      return false;
    }
    bool own = false;  // else of another service's flow, which has taken the place of one that its backend left
    const auto if_own = [&](auto& entry) {
      own = entry.peer() == listener.slot.value() && is_of(entry, listener, c);
      if (own) {
        f(entry);
      }
    };
    if (is_narrow_back(listener, seen)) {
      with_entry(narrow_back(*endpoint, c.client, c.client_port), if_own);
    } else {
      with_entry(wide_back(*endpoint, c, seen), if_own);
    }
    return own;
  }
  template <class F>
  bool with_forward(const plan::Listener& listener, const Connection& c, bool rewritten, F&& f) noexcept {
    return listener.narrow && !rewritten ? with_entry(narrow_forward(listener, c), f)
                                         : with_entry(wide_forward(listener, c), f);
  }
  /// The same of a flow whose client port may have been rewritten: then a narrow listener's has a wide entry.
  template <class F>
  bool with_any_forward(const plan::Listener& listener, const Connection& c, F&& f) noexcept {
    return with_forward(listener, c, false, f) || (listener.narrow && with_forward(listener, c, true, f));
  }

  /// What a spliced connection was joined by is still of use.
  [[nodiscard]] bool has_flow(const splice::Entry& entry) noexcept {
    const plan::Listener* const listener = plan_.listener(ListenerSlot(entry.listener));
    return listener != nullptr &&
           with_any_forward(
               *listener, {entry.client, listener->listen.prefix.address, entry.client_port, listener->listen.l4_port},
               [](auto&) {});
  }

  /// Seconds without a packet after which such a flow ends.
  [[nodiscard]] std::uint16_t timeout_s(const plan::Listener& listener, flow::State state) const noexcept;
  /// The backend behind a forward entry, while its plan has it.
  [[nodiscard]] const plan::Backend* backend_of(std::uint32_t peer) const noexcept {
    return plan_.backend(BackendSlot(peer));
  }

  /// Neither direction has been used for the flow's time-out. `entry`: the forward one.
  template <class Key>
  bool is_idle(const plan::Listener& listener, const Key& key, const flow::Entry<Key>& entry) noexcept {
    const std::uint16_t limit = timeout_s(listener, entry.state());
    if (entry.used().age(tick_) <= limit) {
      return false;
    }
    bool back_idle = true;
    if (const plan::Backend* backend = backend_of(entry.peer())) {
      with_back(listener, *backend, connection_of(listener, key), seen_of(entry),
                [&](auto& back) { back_idle = back.used().age(tick_) > limit; });
    }
    return back_idle;
  }

  /// A live TCP connection ends with its backend's health or drain, where its service says so.
  [[nodiscard]] bool must_reset(const plan::Listener& listener, const plan::Backend& backend) const noexcept {
    const plan::Service& service = plan_.service_of(listener);
    constexpr auto reset = model::LiveFlows::reset;
    if (!service.resets()) {
      return false;
    }
    const plan::BackendState& state = state_.node.backends[backend.slot];
    return (service.flows_on_down == reset && state.health.load(std::memory_order_relaxed) == plan::Health::down) ||
           (service.flows_on_drain_end == reset && state.admin.load(std::memory_order_relaxed) > plan::Admin::drain);
  }

  /// One side has said its last (`last`: both have).
  template <class Entry>
  static void mark_end(Entry& entry, std::uint8_t fin, bool last) noexcept {
    const auto flags = static_cast<std::uint8_t>(entry.flags() | fin);
    entry.set_flags(flags);
    constexpr auto both = flow::flag::client_fin | flow::flag::server_fin;
    if (entry.state() == flow::State::established && (last || (flags & both) == both)) {
      entry.set_state(flow::State::closing);
    }
  }

  /// A closing connection is none of its source's any more. `forward`: the forward entry.
  template <class Entry>
  void leave_if_closing(const plan::Listener& listener, const Connection& c, Entry& forward) noexcept {
    if (forward.state() == flow::State::closing && (forward.flags() & flow::flag::limited) != 0) {
      forward.set_flags(static_cast<std::uint8_t>(forward.flags() & ~flow::flag::limited));
      leave_source(listener, c);
    }
  }

  /// Counts the end of a flow; the forward entry itself is the caller's to erase.
  void count_end(const plan::Listener* listener, const Connection& c, const flow::Value& forward) noexcept;
  /// The session was used at `used`, as its flow says.
  void tell_record(const plan::Listener& listener, const Connection& c, Tick16 used) noexcept;

  /// Ends a flow: both entries.
  template <class Key>
  void end(const plan::Listener& listener, const Key& key, std::uint64_t hash, flow::Entry<Key>& entry) noexcept {
    const Connection c = connection_of(listener, key);
    end_back(listener, c, entry.peer(), seen_of(entry));
    count_end(&listener, c, entry.value());
    state_.flows.erase(key, hash);
  }
  /// Erases the back entry of a connection to the backend, where there is one; a local port rests.
  void end_back(const plan::Listener& listener, const Connection& c, std::uint32_t peer,
                const net::Endpoint& seen) noexcept;

  [[nodiscard]] Tick16 tick() const noexcept { return tick_; }

 private:
  /// A back entry is this connection's: of full NAT the client's address and port say so.
  template <class Entry>
  static bool is_of(const Entry& back, const plan::Listener& listener, const Connection& c) noexcept {
    if (!listener.local) {
      return true;
    }
    const flow::Carried carried = back.carried();
    return carried.vip == c.client && carried.translated_port == c.client_port &&
           (back.flags() & flow::flag::rests) == 0;
  }
  void leave_source(const plan::Listener& listener, const Connection& c) noexcept;

  template <class Key, class F>
  bool with_entry(const Key& key, F& f) noexcept {
    auto* entry = state_.flows.find(key, state_.flows.hash(key));
    if (entry == nullptr) {
      return false;
    }
    f(*entry);
    return true;
  }

  State& state_;
  const plan::Plan& plan_;
  Millis now_ms_;
  Tick16 tick_;
};

}  // namespace limpet::path
