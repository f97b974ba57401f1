// From packets, listeners and endpoints to the keys of a flow's two entries. IPv4 flows of one VIP and port are
// narrow, all others wide; a flow whose client port is rewritten is wide whatever its family.
#pragma once

#include "flow/table.hpp"
#include "plan/plan.hpp"
#include "splice/table.hpp"

namespace limpet::path {

/// A flow as the client knows it.
struct Connection {
  net::IpAddress client;
  net::IpAddress vip;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
};

inline splice::ConnectionKey spliced_key(const plan::Listener& listener, const Connection& c) noexcept {
  return {c.client, c.client_port, static_cast<std::uint16_t>(listener.slot.value())};
}

inline flow::NarrowKey narrow_forward(const plan::Listener& listener, const Connection& c) noexcept {
  return {c.client.v4_host(), c.client_port, listener.slot.value(), flow::Direction::forward};
}

inline flow::WideKey wide_forward(const plan::Listener& listener, const Connection& c) noexcept {
  const std::uint16_t port = listener.listen.l4_port == 0 ? c.vip_port : std::uint16_t{0};
  const net::IpAddress vip = listener.local ? net::IpAddress{} : c.vip;
  return {c.client, vip, c.client_port, port, listener.slot.value(), flow::Direction::forward};
}

/// `client_port`: as the backend sees it. `server_port`: the port the backend answers from.
inline flow::NarrowKey narrow_back(const plan::EndpointEntry& endpoint, const net::IpAddress& client,
                                   std::uint16_t client_port) noexcept {
  return {client.v4_host(), client_port, endpoint.slot.value(), flow::Direction::back};
}

inline flow::WideKey wide_back(const plan::EndpointEntry& endpoint, const net::IpAddress& client,
                               std::uint16_t client_port, std::uint16_t server_port) noexcept {
  const std::uint16_t port = endpoint.any_port ? server_port : std::uint16_t{0};
  return {client, {}, client_port, port, endpoint.slot.value(), flow::Direction::back};
}

/// What the backend sees of a client, by a flow's forward entry. Address none, port 0: the client's own.
template <class Entry>
net::Endpoint seen_of(const Entry& entry) noexcept {
  const flow::Carried carried = entry.carried();
  const bool local = (entry.flags() & flow::flag::local) != 0;
  return {local ? carried.vip : net::IpAddress{}, carried.translated_port};
}

/// The key of the way back. `seen`: as of seen_of(), with a port where it is not the client's own.
inline flow::WideKey wide_back(const plan::EndpointEntry& endpoint, const Connection& c,
                               const net::Endpoint& seen) noexcept {
  return wide_back(endpoint, seen.address.is_none() ? c.client : seen.address,
                   seen.l4_port == 0 ? c.client_port : seen.l4_port, c.vip_port);
}
/// It is narrow instead.
inline bool is_narrow_back(const plan::Listener& listener, const net::Endpoint& seen) noexcept {
  return listener.narrow && seen.l4_port == 0;
}

/// The endpoint that `backend` answers this connection from; null when the plan has none (dr, other family).
inline const plan::EndpointEntry* endpoint_of(const plan::Plan& plan, const plan::Listener& listener,
                                              const plan::Backend& backend, const Connection& c,
                                              net::Family family) noexcept {
  const net::Endpoint& at = backend.endpoint(family);
  const std::uint16_t port = at.l4_port != 0 ? at.l4_port : c.vip_port;
  return plan.fronts.find_endpoint(at.address, port, static_cast<std::uint8_t>(listener.listen.protocol));
}
inline const plan::EndpointEntry* endpoint_of(const plan::Plan& plan, const plan::Listener& listener,
                                              const plan::Backend& backend, const Connection& c,
                                              const net::Endpoint& seen) noexcept {
  return endpoint_of(plan, listener, backend, c, (seen.address.is_none() ? c.client : seen.address).family());
}

/// Answers pass here: nat and full NAT.
inline bool is_nat(const plan::Plan& plan, const plan::Listener& listener) noexcept {
  return listener.local || plan.service_of(listener).forwarding == model::Forwarding::nat;
}

/// Calls `f(key)` with the forward key of the listener's width.
template <class F>
auto with_forward_key(const plan::Listener& listener, const Connection& c, F&& f) noexcept {
  return listener.narrow ? f(narrow_forward(listener, c)) : f(wide_forward(listener, c));
}

/// The connection that a forward entry stands for.
inline Connection connection_of(const plan::Listener& listener, const flow::NarrowKey& key) noexcept {
  return {net::IpAddress::v4(key.client), listener.listen.prefix.address, key.client_port, listener.listen.l4_port};
}
inline Connection connection_of(const plan::Listener& listener, const flow::WideKey& key) noexcept {
  return {key.client, listener.local ? listener.listen.prefix.address : key.vip, key.client_port,
          listener.listen.l4_port == 0 ? key.server_port : listener.listen.l4_port};
}

}  // namespace limpet::path
