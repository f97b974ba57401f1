// What a TCP SYN offers of options, and the options of a SYN that offers it: maximum segment size (RFC 9293, section
// 3.7.1), selective acknowledgments (RFC 2018), window scale and timestamps (RFC 7323). All others are left out: an
// option that one side of a spliced connection used and the other did not know of could not be taken back. Pure, any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "net/parsed.hpp"
#include "net/tcp_options.hpp"

namespace limpet::splice {

struct Offer {
  static constexpr std::uint8_t no_scale = 15;
  std::uint16_t mss = 536;        // RFC 9293, section 3.7.1: where the option is missing
  std::uint8_t scale = no_scale;  // 0..14
  bool sack = false;
  std::optional<net::Timestamps> stamps{};
  friend constexpr bool operator==(const Offer&, const Offer&) noexcept = default;

  [[nodiscard]] constexpr unsigned shift() const noexcept { return scale == no_scale ? 0 : scale; }
};

/// Of a parsed SYN or SYN-ACK whose TCP header lies at hand whole. Options whose lengths make no sense are none; a
/// scale above 14 is 14 (RFC 7323, section 2.3).
[[nodiscard]] Offer read_offer(const std::uint8_t* frame, const net::Parsed& parsed) noexcept;

/// The options of a SYN with this offer, padded to whole words.
class OfferOptions {
 public:
  explicit OfferOptions(const Offer& offer) noexcept;
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, 20> bytes_{};
  std::size_t size_ = 0;
};

/// The option of other segments (RFC 7323, appendix A: two no-operations before it).
[[nodiscard]] std::array<std::uint8_t, 12> stamp_option(const net::Timestamps& stamps) noexcept;

}  // namespace limpet::splice
