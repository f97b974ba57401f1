// Addresses as values. IPv4 lives in its IPv4-mapped form (RFC 4291, section 2.5.5.2), so that both
// families go through the same code; `is_v4()` tells them apart where the wire does.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/big_endian.hpp"

namespace limpet::net {

struct Mac {
  std::array<std::uint8_t, 6> bytes{};
  friend constexpr auto operator<=>(const Mac&, const Mac&) noexcept = default;
  [[nodiscard]] constexpr bool is_multicast() const noexcept { return (bytes[0] & 1) != 0; }
  [[nodiscard]] std::string text() const;
  /// "02:00:00:00:00:01"; nothing when the text is no MAC address.
  static std::optional<Mac> parse(std::string_view text);
};

enum class Family : std::uint8_t { v4, v6 };

class IpAddress {
 public:
  constexpr IpAddress() noexcept = default;  // "::", which no host has: stands for "none"

  /// From 4 bytes in network order.
  static IpAddress v4(const void* bytes) noexcept {
    IpAddress address;
    address.bytes_[10] = 0xff;
    address.bytes_[11] = 0xff;
    std::memcpy(&address.bytes_[12], bytes, 4);
    return address;
  }
  static IpAddress v4(std::uint32_t host) noexcept {
    const std::uint32_t raw = be32(host).raw();
    return v4(&raw);
  }
  /// From 16 bytes in network order.
  static IpAddress v6(const void* bytes) noexcept {
    IpAddress address;
    std::memcpy(address.bytes_.data(), bytes, 16);
    return address;
  }

  [[nodiscard]] bool is_v4() const noexcept {
    return load_be<std::uint64_t>(bytes_.data()) == 0 && load_be<std::uint32_t>(&bytes_[8]) == 0xffff;
  }
  [[nodiscard]] Family family() const noexcept { return is_v4() ? Family::v4 : Family::v6; }
  [[nodiscard]] bool is_none() const noexcept { return *this == IpAddress{}; }
  [[nodiscard]] bool is_multicast() const noexcept { return is_v4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }
  /// What a host may send from (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5).
  [[nodiscard]] bool is_unicast() const noexcept {
    return is_v4() ? bytes_[12] != 0 && bytes_[12] != 127 && bytes_[12] < 224
                   : !is_multicast() && (high() != 0 || low() > 1);
  }
  /// Host-order value of an IPv4 address.
  [[nodiscard]] std::uint32_t v4_host() const noexcept { return load_be<std::uint32_t>(&bytes_[12]); }
  [[nodiscard]] std::uint64_t high() const noexcept { return load_be<std::uint64_t>(bytes_.data()); }
  [[nodiscard]] std::uint64_t low() const noexcept { return load_be<std::uint64_t>(&bytes_[8]); }

  /// All 16 bytes, mapped form.
  [[nodiscard]] const std::uint8_t* bytes() const noexcept { return bytes_.data(); }
  /// The bytes as they lie in a packet: 4 or 16, and where they start.
  [[nodiscard]] const std::uint8_t* wire_bytes() const noexcept { return is_v4() ? &bytes_[12] : bytes_.data(); }
  [[nodiscard]] std::size_t wire_size() const noexcept { return is_v4() ? 4 : 16; }

  /// The first `length` bits kept, the rest zero; `length` counts in the family (0..32 or 0..128).
  [[nodiscard]] IpAddress masked(unsigned length) const noexcept {
    const unsigned bits = is_v4() ? length + 96 : length;
    IpAddress result;
    store_be<std::uint64_t>(result.bytes_.data(), high() & leading(bits));
    store_be<std::uint64_t>(&result.bytes_[8], low() & leading(bits < 64 ? 0 : bits - 64));
    return result;
  }

  /// The address `count` behind this one; nothing is carried out of the last 64 bits.
  [[nodiscard]] IpAddress plus(std::uint32_t count) const noexcept {
    IpAddress result = *this;
    store_be<std::uint64_t>(&result.bytes_[8], low() + count);
    return result;
  }

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;
  /// As two words: packets are compared with it.
  friend constexpr bool operator==(const IpAddress& one, const IpAddress& other) noexcept {
    using Words = std::array<std::uint64_t, 2>;
    const auto a = std::bit_cast<Words>(one.bytes_), b = std::bit_cast<Words>(other.bytes_);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
  }

  [[nodiscard]] std::string text() const;
  /// Allocates nothing.
  static std::optional<IpAddress> parse(std::string_view text);

 private:
  static constexpr std::uint64_t leading(unsigned bits) noexcept {
    return bits == 0 ? 0 : bits >= 64 ? ~std::uint64_t{0} : ~std::uint64_t{0} << (64 - bits);
  }
  std::array<std::uint8_t, 16> bytes_{};
};
static_assert(sizeof(IpAddress) == 16);

/// An address and a length in bits of its family (0..32, 0..128).
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  [[nodiscard]] bool contains(const IpAddress& other) const noexcept {
    return other.family() == address.family() && other.masked(length) == address.masked(length);
  }
  [[nodiscard]] bool is_host() const noexcept { return length == (address.is_v4() ? 32 : 128); }
  [[nodiscard]] static Prefix host(const IpAddress& address) noexcept {
    return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
  }
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) noexcept = default;
  [[nodiscard]] std::string text() const;
  /// "192.0.2.0/24", "2001:db8::/32"; without a length a host prefix. Host bits are kept.
  static std::optional<Prefix> parse(std::string_view text);
};

enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17, icmpv6 = 58 };

/// An address and a TCP/UDP port; port 0 means "any" or "kept", as the place of use says.
struct Endpoint {
  IpAddress address;
  std::uint16_t l4_port = 0;
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;
  /// "192.0.2.1:80", "[2001:db8::1]:80"; without the port where it is 0.
  [[nodiscard]] std::string text() const;
  /// Also without a port (0). Brackets are needed around IPv6 only when a port follows.
  static std::optional<Endpoint> parse(std::string_view text);
};

}  // namespace limpet::net

template <>
struct std::hash<limpet::net::IpAddress> {
  std::size_t operator()(const limpet::net::IpAddress& address) const noexcept {
    return static_cast<std::size_t>((address.high() * 0x9e3779b97f4a7c15ULL) ^ (address.low() * 0xc2b2ae3d27d4eb4fULL));
  }
};
