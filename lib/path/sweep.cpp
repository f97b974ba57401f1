#include "path/sweep.hpp"

#include <algorithm>

#include "path/admit.hpp"
#include "path/flows.hpp"
#include "path/locals.hpp"

namespace limpet::path {
namespace {

constexpr Millis pass_ms = 1000 * plan::sweep_pass_s;
constexpr Millis catch_up_ms = 16;    // what a late call makes up for at most
constexpr Millis debt_max_ms = 1000;  // what is later than that is never made up for

class Sweeper {
 public:
  Sweeper(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), flows_(state, plan, now_ms) {}

  template <class Key, class Entry>
  flow::Sweep operator()(const Key& key, Entry& entry) noexcept {
    return key.direction == flow::Direction::forward ? forward(key, entry) : back(key, entry);
  }

 private:
  template <class Key, class Entry>
  flow::Sweep forward(const Key& key, Entry& entry) noexcept {
    const plan::Listener* listener = plan_.listener(ListenerSlot(key.slot));
    const Connection c = listener == nullptr ? Connection{} : connection_of(*listener, key);
    if (listener != nullptr && flows_.backend_of(entry.peer()) != nullptr && !flows_.is_idle(*listener, key, entry)) {
      tell_record(*listener, c, entry);
      return flow::Sweep::keep;
    }
    if (listener != nullptr) {
      flows_.end_back(*listener, c, entry.peer(), seen_of(entry));
    } else if (const plan::Gate* const gate = plan_.gate_left(ListenerSlot(key.slot));
               gate != nullptr && (entry.flags() & flow::flag::limited) != 0) {
      leave_place(state_, *gate, client_of(key));
    }
    flows_.count_end(listener, c, entry.value());
    return flow::Sweep::erase;
  }

  static net::IpAddress client_of(const flow::NarrowKey& key) noexcept { return net::IpAddress::v4(key.client); }
  static net::IpAddress client_of(const flow::WideKey& key) noexcept { return key.client; }

  /// A live flow's record is told when the flow was last used, in as many passes as its time-out needs.
  template <class Entry>
  void tell_record(const plan::Listener& listener, const Connection& c, const Entry& entry) noexcept {
    const bool live = (entry.flags() & flow::flag::counted) != 0;
    if (live && state_.flows.sweeps_done() % plan_.service_of(listener).record_passes == 0) {
      flows_.tell_record(listener, c, entry.used());
    }
  }

  /// A back entry lives as long as its forward one; alone (evicted, service gone) it ends when it is idle.
  template <class Key, class Entry>
  flow::Sweep back(const Key& key, Entry& entry) noexcept {
    if constexpr (std::is_same_v<Key, flow::WideKey>) {
      if ((entry.flags() & flow::flag::local) != 0) {
        return local(key, entry);
      }
    }
    const plan::Listener* listener = plan_.listener(ListenerSlot(entry.peer()));
    if (listener == nullptr) {
      return flow::Sweep::erase;
    }
    if (entry.used().age(flows_.tick()) <= flows_.timeout_s(*listener, entry.state())) {
      return flow::Sweep::keep;
    }
    const flow::Carried carried = entry.carried();
    const bool rewritten = carried.translated_port != 0;
    Connection c = connection_of(*listener, key);
    if constexpr (std::is_same_v<Key, flow::WideKey>) {
      c = {key.client, carried.vip, rewritten ? carried.translated_port : key.client_port, carried.vip_port};
    }
    const bool alive = flows_.with_forward(*listener, c, rewritten, [](auto&) {});
    return alive ? flow::Sweep::keep : flow::Sweep::erase;
  }

  /// The same with full NAT. A local port that has rested, or need not, is free.
  flow::Sweep local(const flow::WideKey& key, flow::WideEntry& entry) noexcept {
    const plan::Listener* listener = plan_.listener(ListenerSlot(entry.peer()));
    if (listener != nullptr && listener->local && is_kept(*listener, key, entry)) {
      return flow::Sweep::keep;
    }
    free_local(state_, key);
    return flow::Sweep::erase;
  }

  bool is_kept(const plan::Listener& listener, const flow::WideKey& key, flow::WideEntry& entry) noexcept {
    const plan::Service& service = plan_.service_of(listener);
    const std::uint16_t age = entry.used().age(flows_.tick());
    if ((entry.flags() & flow::flag::rests) != 0) {
      return age <= service.timeouts.local_port_s;
    }
    if (age <= flows_.timeout_s(listener, entry.state())) {
      return true;
    }
    const flow::Carried carried = entry.carried();
    const Connection c{carried.vip, listener.listen.prefix.address, carried.translated_port, carried.vip_port};
    bool alive = false;
    flows_.with_forward(listener, c, true, [&](auto& forward) {
      alive = seen_of(forward) == net::Endpoint{key.client, key.client_port};
    });
    return alive || rest(service, entry, flows_.tick());
  }

  State& state_;
  const plan::Plan& plan_;
  Flows flows_;
};

/// What connections were joined by goes with their flows.
void sweep_spliced(State& state, const plan::Plan& plan, std::uint64_t buckets) noexcept {
  state.spliced.sweep(buckets, [&](splice::Entry& entry) {
    if (entry.phase == splice::Phase::spliced && !Flows(state, plan, state.last_sweep_ms).has_flow(entry)) {
      state.spliced.erase(entry);
    }
  });
}

}  // namespace

void sweep(State& state, const plan::Plan& plan, Millis now_ms) noexcept {
  if (now_ms <= state.last_sweep_ms) {
    return;
  }
  state.last_sweep_ms = std::max(state.last_sweep_ms, now_ms - std::min(now_ms, debt_max_ms));
  const Millis late_ms = std::min(now_ms - state.last_sweep_ms, catch_up_ms);
  state.last_sweep_ms += late_ms;
  const auto buckets = static_cast<unsigned>(late_ms * (state.flows.bucket_count() / pass_ms + 1));
  state.flows.sweep(buckets, Sweeper(state, plan, now_ms));
  sweep_spliced(state, plan, late_ms * (state.spliced.bucket_count() / pass_ms + 1));
}

}  // namespace limpet::path
