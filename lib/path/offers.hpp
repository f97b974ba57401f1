// TCP options of connections whose SYN Limpet answers: what clients are promised before there is a backend, what that
// makes of what they offer, and whether a backend keeps to it. Timestamps (RFC 7323) that Limpet gives are its own
// until then: the number of its SYN-ACK, which is all that it would have to remember, and what a client echoes that has
// got them. Worker's thread only.
#pragma once

#include <optional>

#include "net/tcp_edit.hpp"
#include "path/awaited.hpp"
#include "plan/plan.hpp"

namespace limpet::path {

/// Bytes that come in front of what clients of this family say.
[[nodiscard]] std::uint16_t header_room(const plan::Service& service, net::Family client) noexcept;
/// What a client is promised; timestamps, whose values say nothing, where `stamps` is there. Each segment leaves room
/// for what may come in front of it.
[[nodiscard]] splice::Offer promise_of(const plan::Service& service, net::Family client) noexcept;
/// What a client offers, as far as it is promised.
[[nodiscard]] splice::Offer accepted(const splice::Offer& promise, const splice::Offer& client) noexcept;
/// Options of the SYN-ACK with this number.
[[nodiscard]] splice::OfferOptions answering_options(const splice::Offer& promise, const splice::Offer& accepted,
                                                     std::uint32_t own) noexcept;
/// The connection begins with this segment of its client: whether it uses timestamps is seen now.
void begin_stamps(Awaited& one, const std::optional<net::Timestamps>& stamps) noexcept;
/// A further one, before there is a backend.
void note_stamps(Awaited& one, std::uint32_t sequence, const std::optional<net::Timestamps>& stamps) noexcept;
/// What a client's full segments carry.
[[nodiscard]] std::uint16_t full_size(const plan::Service& service, const Awaited& one) noexcept;

/// Limpet can make up for a backend without SACK or with another window scale, and a smaller segment size is the path's
/// to tell of (RFC 1191, RFC 8201), but timestamps that it does not use cannot be taken back.
[[nodiscard]] inline bool keeps_promise(const Awaited& one, const splice::Offer& backend) noexcept {
  return !one.offer.stamps || backend.stamps;
}
/// By what the sides differ, the backend having answered so with this number.
[[nodiscard]] splice::Joint joint_of(const plan::Service& service, const Awaited& one, const splice::Offer& backend,
                                     std::uint32_t sequence) noexcept;

}  // namespace limpet::path
