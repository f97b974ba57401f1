#include "splice/cookie.hpp"

#include <array>

namespace limpet::splice {
namespace {

/// Lowest first: of RFC 9293; of the least IPv6 link; of tunnels and access lines; of Ethernet with IPv6 and IPv4; of
/// jumbo frames.
constexpr std::array<std::uint16_t, 8> sizes = {536, 1220, 1300, 1360, 1400, 1440, 1460, 8940};

constexpr unsigned offer_bits = 8, hash_bits = 12;
constexpr std::uint32_t hash_mask = (1u << hash_bits) - 1;

/// A cookie is of this period or of the one before.
std::uint64_t newest_period(Millis wall_ms) noexcept {
  return (wall_ms + Cookies::ahead_ms) / Cookies::period_ms;
}

std::uint8_t packed(const Offer& offer) noexcept {
  unsigned size = 0;
  while (size + 1 < sizes.size() && sizes[size + 1] <= offer.mss) {
    ++size;
  }
  return static_cast<std::uint8_t>(size << 5 | offer.scale << 1 | (offer.sack ? 1u : 0u));
}

Offer unpacked(std::uint8_t bits) noexcept {
  return {sizes[bits >> 5], static_cast<std::uint8_t>(bits >> 1 & 0xf), (bits & 1) != 0};
}

}  // namespace

std::uint32_t Cookies::hash(const Opening& opening, std::uint8_t offer, std::uint64_t period,
                            bool numbered) const noexcept {
  const std::array<std::uint64_t, 6> words = {
      opening.client.address.high(),
      opening.client.address.low(),
      opening.vip.address.high(),
      opening.vip.address.low(),
      std::uint64_t{opening.client.l4_port} << 48 | std::uint64_t{opening.vip.l4_port} << 32 |
          (numbered ? opening.sequence : 0),
      period << (offer_bits + 1) | std::uint64_t{offer} << 1 | (numbered ? 1 : 0)};
  return static_cast<std::uint32_t>(hash::sip(secret_, words)) & hash_mask;
}

std::uint32_t Cookies::of_ends(const Opening& opening, std::uint8_t offer, std::uint64_t period) const noexcept {
  return hash(opening, offer, period, false) << (offer_bits + hash_bits);
}

std::uint32_t Cookies::of_all(const Opening& opening, std::uint8_t offer, std::uint64_t period) const noexcept {
  return of_ends(opening, offer, period) | hash(opening, offer, period, true) << offer_bits | offer;
}

std::uint32_t Cookies::make(const Opening& opening, const Offer& offer, Millis wall_ms) const noexcept {
  return of_all(opening, packed(offer), wall_ms / period_ms);
}

std::optional<Offer> Cookies::read(const Opening& opening, std::uint32_t cookie, Millis wall_ms) const noexcept {
  const auto bits = static_cast<std::uint8_t>(cookie);
  const std::uint64_t newest = newest_period(wall_ms);
  return of_all(opening, bits, newest) == cookie || of_all(opening, bits, newest - 1) == cookie
             ? std::optional(unpacked(bits))
             : std::nullopt;
}

bool Cookies::may_be(const Opening& opening, std::uint32_t cookie, Millis wall_ms) const noexcept {
  const auto bits = static_cast<std::uint8_t>(cookie);
  const std::uint32_t upper = cookie & hash_mask << (offer_bits + hash_bits);
  const std::uint64_t newest = newest_period(wall_ms);
  return of_ends(opening, bits, newest) == upper || of_ends(opening, bits, newest - 1) == upper;
}

}  // namespace limpet::splice
