// The Toeplitz hash that NICs spread packets with ("RSS Hashing Functions", Microsoft NDIS), over any bytes.
// One table of 256 words for each input byte: a lookup and an XOR a byte. Pure, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/big_endian.hpp"

namespace limpet::hash {

/// The key of the published verification suite; hashes of its 40 bytes cover inputs of up to 36 bytes.
inline constexpr std::array<std::uint8_t, 40> microsoft_rss_key = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/// Bit by bit, as the definition reads. The key has 4 bytes more than the input, or more.
constexpr std::uint32_t toeplitz_bitwise(std::span<const std::uint8_t> key, std::span<const std::uint8_t> input) {
  std::uint32_t hash = 0;
  std::uint64_t window = 0;  // key bits from the input bit on, left-aligned
  for (std::size_t i = 0; i < 4; ++i) {
    window = (window << 8) | key[i];
  }
  window <<= 32;
  for (std::size_t i = 0; i < input.size(); ++i) {
    window |= static_cast<std::uint64_t>(key[i + 4]) << 24;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((input[i] & (0x80u >> bit)) != 0) {
        hash ^= static_cast<std::uint32_t>(window >> 32);
      }
      window <<= 1;
    }
  }
  return hash;
}

/// Hashes inputs of up to `Bytes` bytes under one key. 1 KiB of tables for each byte.
template <std::size_t Bytes>
class Toeplitz {
 public:
  /// The key needs Bytes + 4 bytes.
  explicit constexpr Toeplitz(std::span<const std::uint8_t> key) {
    LIMPET_ASSERT(key.size() >= Bytes + 4);
    std::array<std::uint8_t, Bytes> input{};
    for (std::size_t i = 0; i < Bytes; ++i) {
      for (unsigned value = 0; value < 256; ++value) {
        input[i] = static_cast<std::uint8_t>(value);
        tables_[i][value] = toeplitz_bitwise(key.subspan(i), std::span(input).subspan(i, 1));
      }
    }
  }

  [[nodiscard]] std::uint32_t operator()(std::span<const std::uint8_t> input) const noexcept {
    std::uint32_t hash = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
      hash ^= tables_[i][input[i]];
    }
    return hash;
  }

 private:
  std::array<std::array<std::uint32_t, 256>, Bytes> tables_{};
};

}  // namespace limpet::hash
