#include "path/offers.hpp"

#include <algorithm>

#include "net/client_address.hpp"
#include "plan/promise.hpp"

namespace limpet::path {
namespace {

using splice::Offer;

plan::Promise promised(const plan::Service& service) noexcept {
  return plan::Promise::unpacked(service.promise->load(std::memory_order_relaxed));
}

}  // namespace

std::uint16_t header_room(const plan::Service& service, net::Family client) noexcept {
  const bool tells = service.client_address == model::ClientAddress::proxy_v2;
  return tells ? static_cast<std::uint16_t>(net::proxy_header_size(client)) : std::uint16_t{0};
}

Offer promise_of(const plan::Service& service, net::Family client) noexcept {
  const plan::Promise promise = promised(service);
  Offer offer{static_cast<std::uint16_t>(promise.mss - header_room(service, client)),
              promise.scale ? service.window_scale : Offer::no_scale, promise.sack};
  if (promise.timestamps && !service.edits()) {
    offer.stamps.emplace();
  }
  return offer;
}

Offer accepted(const Offer& promise, const Offer& client) noexcept {
  return {client.mss, promise.scale == Offer::no_scale ? Offer::no_scale : client.scale, client.sack && promise.sack,
          promise.stamps ? client.stamps : std::nullopt};
}

splice::OfferOptions answering_options(const Offer& promise, const Offer& accepted, std::uint32_t own) noexcept {
  Offer answer{promise.mss, accepted.scale == Offer::no_scale ? Offer::no_scale : promise.scale, accepted.sack};
  if (accepted.stamps) {
    answer.stamps = {own, accepted.stamps->value};
  }
  return splice::OfferOptions(answer);
}

void begin_stamps(Awaited& one, const std::optional<net::Timestamps>& stamps) noexcept {
  if (stamps && stamps->echo == one.own_sequence) {
    one.offer.stamps = {stamps->value, 0};
    one.heard_stamp = stamps->value;
  }
}

/// A SYN that is older than what follows it is one that the backend takes no offence at.
void note_stamps(Awaited& one, std::uint32_t sequence, const std::optional<net::Timestamps>& stamps) noexcept {
  if (!one.offer.stamps || !stamps) {
    return;
  }
  if (ahead(stamps->value, one.offer.stamps->value) < 0) {
    one.offer.stamps->value = stamps->value;
  }
  if (ahead(sequence, one.client_sequence + 1 + one.owned) <= 0 && ahead(stamps->value, one.heard_stamp) > 0) {
    one.heard_stamp = stamps->value;
  }
}

std::uint16_t full_size(const plan::Service& service, const Awaited& one) noexcept {
  const std::uint16_t mss = promise_of(service, one.key.client.family()).mss;
  return static_cast<std::uint16_t>(mss - (one.offer.stamps ? net::timestamps_room : 0));
}

splice::Joint joint_of(const plan::Service& service, const Awaited& one, const Offer& backend,
                       std::uint32_t sequence) noexcept {
  const bool client_scales = one.offer.scale != Offer::no_scale;
  const bool backend_scales = client_scales && backend.scale != Offer::no_scale;
  splice::Joint joint{
      .difference = one.own_sequence - sequence,
      .own = one.own_sequence,
      .shift_in = client_scales && !backend_scales ? static_cast<int>(one.offer.shift()) : 0,
      .shift_out = (backend_scales ? int{backend.scale} : 0) - (client_scales ? int{service.window_scale} : 0),
      .blanks_sack = one.offer.sack && !backend.sack};
  if (one.offer.stamps) {
    joint.later = one.own_sequence - backend.stamps->value;
  }
  return joint;
}

}  // namespace limpet::path
