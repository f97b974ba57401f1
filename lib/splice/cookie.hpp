// SYN cookies (RFC 4987, section 3.6): a SYN is answered without a word being kept, as the number that the answer gives
// says all that has to be known of it when the client acknowledges it.
//
// 32 bits: two keyed hashes of 12 over both ends, the time and the offer, the second one over the client's number, too;
// and the offer: one of eight segment sizes (3), the window scale (4), selective acknowledgments (1). A guess is right
// once in eight million, two periods being good at a time. The first hash tells an acknowledgment that came before
// others of its connection, with a number that says nothing yet, from one of no connection.
//
// The time is the wall clock's, so that nodes with the secret know each other's cookies, and a process those that the
// one before it made. Const, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "hash/sip.hpp"
#include "net/address.hpp"
#include "splice/offer.hpp"

namespace limpet::splice {

/// Who opens a connection to whom, and the number of its SYN.
struct Opening {
  net::Endpoint client;
  net::Endpoint vip;
  std::uint32_t sequence = 0;
};

class Cookies {
 public:
  Cookies() noexcept = default;
  explicit Cookies(const hash::Key& secret) noexcept : secret_(secret) {}

  static constexpr Millis period_ms = 64'000;
  /// So far may the clock of the node that made a cookie be ahead of the reader's. Readers are in a period so much
  /// sooner than makers: two are good at a time all the same, and a cookie for no less than period_ms - ahead_ms.
  static constexpr Millis ahead_ms = 8'000;

  /// `wall_ms`: milliseconds since 1970. The segment size is taken down to one that a cookie can say.
  [[nodiscard]] std::uint32_t make(const Opening& opening, const Offer& offer, Millis wall_ms) const noexcept;
  /// The offer of the SYN, as make() understood it, that was answered with this number; nothing: none was.
  [[nodiscard]] std::optional<Offer> read(const Opening& opening, std::uint32_t cookie, Millis wall_ms) const noexcept;
  /// A SYN between these ends, of whatever number, may have been answered with this one.
  [[nodiscard]] bool may_be(const Opening& opening, std::uint32_t cookie, Millis wall_ms) const noexcept;

 private:
  /// The upper hash where it stands in a cookie; the lower one.
  [[nodiscard]] std::uint32_t of_ends(const Opening& opening, std::uint8_t offer, std::uint64_t period) const noexcept;
  [[nodiscard]] std::uint32_t of_all(const Opening& opening, std::uint8_t offer, std::uint64_t period) const noexcept;
  [[nodiscard]] std::uint32_t hash(const Opening& opening, std::uint8_t offer, std::uint64_t period,
                                   bool numbered) const noexcept;

  hash::Key secret_;
};

}  // namespace limpet::splice
