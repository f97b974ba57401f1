#include "path/sweep.hpp"

#include <algorithm>

#include "path/flows.hpp"

namespace limpet::path {
namespace {

constexpr Millis pass_ms = 10'000;
constexpr Millis catch_up_ms = 16;  // what a late call makes up for at most

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
      return flow::Sweep::keep;
    }
    if (listener != nullptr) {
      flows_.erase_back(*listener, c, entry.peer(), entry.carried().translated_port);
    }
    flows_.count_end(listener, c, entry.peer(), entry.flags());
    return flow::Sweep::erase;
  }

  /// A back entry lives as long as its forward one; alone (evicted, service gone) it ends when it is idle.
  template <class Key, class Entry>
  flow::Sweep back(const Key& key, Entry& entry) noexcept {
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

  State& state_;
  const plan::Plan& plan_;
  Flows flows_;
};

}  // namespace

void sweep(State& state, const plan::Plan& plan, Millis now_ms) noexcept {
  if (now_ms <= state.last_sweep_ms) {
    return;
  }
  const Millis late_ms = std::min(now_ms - state.last_sweep_ms, catch_up_ms);
  state.last_sweep_ms = now_ms;
  const auto buckets = static_cast<unsigned>(late_ms * (state.flows.bucket_count() / pass_ms + 1));
  state.flows.sweep(buckets, Sweeper(state, plan, now_ms));
}

}  // namespace limpet::path
