#include "path/remember.hpp"

#include "path/entries.hpp"
#include "path/locals.hpp"

namespace limpet::path {
namespace {

using counters::Counter;
constexpr unsigned port_attempts = 64;

template <class Key>
auto* find(State& state, const Key& key) noexcept {
  return state.flows.find(key, state.flows.hash(key));
}

/// Inserts or, where the key is there, overwrites.
template <class Key>
void put(State& state, const Key& key, const flow::Value& value, const flow::Carried& carried) noexcept {
  const std::uint64_t hash = state.flows.hash(key);
  if (state.flows.find(key, hash) != nullptr) {
    state.flows.erase(key, hash);
  }
  insert_embryonic(state, key, hash, value, carried);
}

/// Both entries of a flow with full NAT.
std::optional<net::Endpoint> remember_local(State& state, const plan::Plan& plan, const plan::Listener& listener,
                                            const plan::Backend& backend, const Connection& c,
                                            flow::Value value) noexcept {
  const net::Family family = plan.service_of(listener).family_towards(backend, c.client.family());
  const plan::EndpointEntry* endpoint = endpoint_of(plan, listener, backend, c, family);
  const auto local = endpoint == nullptr ? std::nullopt : draw_local(state, plan, listener, backend, *endpoint, c);
  if (!local) {
    return std::nullopt;
  }
  value.flags |= flow::flag::local;
  const flow::WideKey forward = wide_forward(listener, c);
  put(state, forward, value, {local->address, 0, local->l4_port});
  const flow::WideKey back = wide_back(*endpoint, c, *local);
  value.peer = listener.slot.value();
  put(state, back, value, {c.client, c.vip_port, c.client_port});
  take_local(state, back);
  return local;
}

class Rememberer {
 public:
  Rememberer(State& state, const plan::Listener& listener, const plan::EndpointEntry& endpoint,
             const Connection& c) noexcept
      : state_(state), listener_(listener), endpoint_(endpoint), c_(c) {}

  /// The port to use towards the backend: the client's own, or a free one when another service holds the return key.
  [[nodiscard]] std::optional<std::uint16_t> free_port() const noexcept {
    if (is_free(c_.client_port)) {
      return c_.client_port;
    }
    std::uint16_t port = c_.client_port;
    for (unsigned attempt = 0; attempt < port_attempts; ++attempt) {
      port = static_cast<std::uint16_t>(1024 + (port * 31421u + 6927u) % 64512u);
      if (is_free(port)) {
        return port;
      }
    }
    return std::nullopt;
  }

  void insert_back(std::uint16_t port, flow::Value value) const noexcept {
    value.peer = listener_.slot.value();
    const bool rewritten = port != c_.client_port;
    if (listener_.narrow && !rewritten) {
      put(state_, narrow_back(endpoint_, c_.client, port), value, {});
    } else {
      put(state_, wide_back(endpoint_, c_.client, port, c_.vip_port), value,
          {c_.vip, c_.vip_port, rewritten ? c_.client_port : std::uint16_t{0}});
    }
  }

 private:
  /// No other flow has this port towards the backend; this very connection's own old entry is no other.
  [[nodiscard]] bool is_free(std::uint16_t port) const noexcept {
    const bool own = port == c_.client_port;
    if (c_.client.is_v4() && !endpoint_.any_port) {
      const auto* narrow = find(state_, narrow_back(endpoint_, c_.client, port));
      if (narrow != nullptr && !(own && narrow->peer() == listener_.slot.value())) {
        return false;
      }
    }
    if (c_.client.is_v4() && state_.flows.wide_v4_ways_back() == 0) {
      return true;
    }
    const auto* wide = find(state_, wide_back(endpoint_, c_.client, port, c_.vip_port));
    if (wide == nullptr) {
      return true;
    }
    const flow::Carried carried = wide->carried();
    return own && wide->peer() == listener_.slot.value() && carried.vip == c_.vip && carried.vip_port == c_.vip_port &&
           carried.translated_port == 0;
  }

  State& state_;
  const plan::Listener& listener_;
  const plan::EndpointEntry& endpoint_;
  const Connection& c_;
};

}  // namespace

std::optional<net::Endpoint> remember(State& state, const plan::Plan& plan, const plan::Listener& listener,
                                      const plan::Backend& backend, const Connection& c, Tick16 tick) noexcept {
  flow::Value value{backend.slot.value(), flow::State::embryonic, 0, tick};
  add_relaxed(state.uses[backend.slot.value()].connecting, 1);
  if (listener.local) {
    const auto local = remember_local(state, plan, listener, backend, c, value);
    add_relaxed(state.uses[backend.slot.value()].connecting, local ? 0 : -1);
    return local;
  }
  const plan::EndpointEntry* endpoint =
      is_nat(plan, listener) ? endpoint_of(plan, listener, backend, c, net::Endpoint{}) : nullptr;
  if (endpoint == nullptr) {
    with_forward_key(listener, c, [&](const auto& key) { put(state, key, value, {}); });
    return net::Endpoint{};
  }
  const Rememberer rememberer(state, listener, *endpoint, c);
  const auto port = rememberer.free_port();
  if (!port) {
    add_relaxed(state.uses[backend.slot.value()].connecting, -1);
    return std::nullopt;
  }
  rememberer.insert_back(*port, value);
  if (*port == c.client_port) {
    with_forward_key(listener, c, [&](const auto& key) { put(state, key, value, {}); });
    return net::Endpoint{};
  }
  state.counters.add(Counter::flow_port_rewritten);
  put(state, wide_forward(listener, c), value, {c.vip, c.vip_port, *port});
  return net::Endpoint{{}, *port};
}

bool promote_back(State& state, const plan::Plan& plan, const plan::Listener& listener, const plan::Backend& backend,
                  const Connection& c, const net::Endpoint& seen) noexcept {
  const plan::EndpointEntry* endpoint =
      is_nat(plan, listener) ? endpoint_of(plan, listener, backend, c, seen) : nullptr;
  if (endpoint == nullptr) {
    return true;
  }
  const auto last = [&](const auto& key) { return promote(state, key, state.flows.hash(key)) != nullptr; };
  return is_narrow_back(listener, seen) ? last(narrow_back(*endpoint, c.client, c.client_port))
                                        : last(wide_back(*endpoint, c, seen));
}

}  // namespace limpet::path
