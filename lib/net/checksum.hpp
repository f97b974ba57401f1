// The Internet checksum (RFC 1071): in full, and corrected for changed bytes (RFC 1624, equation 3).
// Sums are kept in memory order, which one's complement arithmetic allows, so that no byte is swapped.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/big_endian.hpp"
#include "net/address.hpp"

namespace limpet::net {

namespace detail {
template <class T>
T load_raw(const void* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// One's complement sum of any 64-bit accumulation of 16- and 32-bit words. A word and itself turned by half, added:
/// the upper half is both halves' sum with the carry of the lower one, which is that sum's own.
constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
  const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<std::uint16_t>((half + std::rotl(half, 16)) >> 16);
}
}  // namespace detail

/// What changed under a checksum. Each changed range starts at an even offset of the summed bytes.
class Delta {
 public:
  /// `size` bytes, a multiple of 2, were at `before` and are now as at `after`.
  void change(const void* before, const void* after, std::size_t size) noexcept {
    const auto* old_bytes = static_cast<const std::uint8_t*>(before);
    const auto* new_bytes = static_cast<const std::uint8_t*>(after);
    std::size_t i = 0;
    for (; i + 4 <= size; i += 4) {
      add32(detail::load_raw<std::uint32_t>(old_bytes + i), detail::load_raw<std::uint32_t>(new_bytes + i));
    }
    if (i < size) {
      add16(detail::load_raw<std::uint16_t>(old_bytes + i), detail::load_raw<std::uint16_t>(new_bytes + i));
    }
  }
  /// A 16-bit field went from `before` to `after` (host values).
  void change16(std::uint16_t before, std::uint16_t after) noexcept { add16(be16(before).raw(), be16(after).raw()); }
  /// A 32-bit field went from `before` to `after` (host values).
  void change32(std::uint32_t before, std::uint32_t after) noexcept { add32(be32(before).raw(), be32(after).raw()); }
  /// An address went from `before` to `after`, both of one family.
  void change(const IpAddress& before, const IpAddress& after) noexcept {
    change(before.bytes(), after.bytes(), 16);  // an IPv4 address's mapped prefix cancels out
  }

  /// Corrects the checksum field at `field`.
  void apply(std::uint8_t* field) const noexcept { store(field, corrected(field)); }
  /// The same for a UDP checksum: 0 means "none" and stays (RFC 768, RFC 6935); a computed 0 is sent as 0xffff.
  void apply_udp(std::uint8_t* field) const noexcept {
    if (detail::load_raw<std::uint16_t>(field) == 0) {
      return;
    }
    const std::uint16_t value = corrected(field);
    store(field, value == 0 ? std::uint16_t{0xffff} : value);
  }

 private:
  void add16(std::uint16_t before, std::uint16_t after) noexcept {
    sum_ += static_cast<std::uint16_t>(~before);
    sum_ += after;
  }
  void add32(std::uint32_t before, std::uint32_t after) noexcept {
    sum_ += static_cast<std::uint32_t>(~before);
    sum_ += after;
  }
  [[nodiscard]] std::uint16_t corrected(const std::uint8_t* field) const noexcept {
    const auto was = static_cast<std::uint16_t>(~detail::load_raw<std::uint16_t>(field));
    return static_cast<std::uint16_t>(~detail::fold(sum_ + was));
  }
  static void store(std::uint8_t* field, std::uint16_t raw) noexcept { std::memcpy(field, &raw, sizeof raw); }

  std::uint64_t sum_ = 0;
};

/// The checksum of `size` bytes (host value): for a field that was set to 0 first. Over bytes that contain
/// their right checksum it is 0.
[[nodiscard]] std::uint16_t checksum(const void* bytes, std::size_t size) noexcept;

/// True when the 20 bytes of an option-less IPv4 header sum up.
[[nodiscard]] inline bool ipv4_header_sums_up(const std::uint8_t* header) noexcept {
  std::uint64_t sum = 0;
#pragma GCC unroll 5
  for (std::size_t i = 0; i < 20; i += 4) {
    sum += detail::load_raw<std::uint32_t>(header + i);
  }
  return detail::fold(sum) == 0xffff;
}

/// The checksum of a TCP, UDP or ICMPv6 message with its pseudo-header (RFC 9293, section 3.1; RFC 8200, section
/// 8.1); host value. `size` is that of the message. For UDP the caller sends 0xffff in place of 0.
[[nodiscard]] std::uint16_t l4_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                        const void* message, std::size_t size) noexcept;

}  // namespace limpet::net
