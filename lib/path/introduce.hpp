// How backends that see a local address learn of the client (Service::client_address); of TCP flows with full NAT.
//
// proxy_v2: a header of n bytes takes the place right before the client's first byte. The SYN gets the client's number
// less n, the first ACK carries the header, and no later segment is shifted. Until the backend has acknowledged it, the
// header goes along with each packet that begins with the client's first byte, and alone in answer to a backend that
// shows it has got later ones only: so whoever repeats what got lost, client or backend, makes Limpet repeat its part,
// and nothing but two flags and half a sequence number is kept, in the flow's entries. Meanwhile nothing of the client
// may reach the backend in the header's place: it could claim to be anybody.
//
// toa: a TCP option in the client's packets after the SYN, until the backend answers one of them.
//
// Worker's thread only.
#pragma once

#include "path/flows.hpp"

namespace limpet::path {

/// The listener's flows begin so.
inline bool introduces(const plan::Plan& plan, const plan::Listener& listener) noexcept {
  return listener.local && plan.service_of(listener).client_address != model::ClientAddress::none && is_tcp(listener);
}

/// A client's packet, bound; `forward`: its flow. Sets what it tells, or drops it.
void introduce(const plan::Plan& plan, Flows& flows, const Connection& c, flow::WideEntry& forward, Packet& packet,
               const net::Parsed& parsed, Item& item) noexcept;

/// A backend's packet, bound; `back`: its flow. Its acknowledgment becomes the client's; or it becomes a packet to the
/// backend, bound (Way::in), to have the header; or it is dropped.
void note_introduced(State& state, const plan::Plan& plan, Flows& flows, const Connection& c, flow::WideEntry& back,
                     Packet& packet, const net::Parsed& parsed, Item& item) noexcept;

/// Puts in what the packet tells, if it may then still have `l3_max` bytes.
void tell_backend(State& state, Packet& packet, net::Parsed& parsed, Item& item, int l3_max) noexcept;

/// By how much the client's own sequence number is greater, in a packet that its backend, of whose flow's way back
/// `back` is the entry, has got as `sequence`.
std::uint32_t shift_of(State& state, const plan::Plan& plan, const plan::Listener& listener, const Connection& c,
                       const flow::WideEntry& back, std::uint32_t sequence) noexcept;

}  // namespace limpet::path
