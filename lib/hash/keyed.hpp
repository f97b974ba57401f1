// Keyed 64-bit hashes by multiply and fold: a 64x64 -> 128 bit product, both halves mixed with the key and
// multiplied again. The key is secret, so that nobody outside can choose inputs that collide (hash flooding).
// High and low half of a result are independent enough to pick two buckets. Pure functions, any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/big_endian.hpp"

namespace limpet::hash {

__extension__ using uint128 = unsigned __int128;

/// Derived from the node's secret by purpose: see secret.hpp.
struct Key {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  friend constexpr bool operator==(const Key&, const Key&) noexcept = default;
};

namespace detail {

// Odd, with bits set evenly; they keep an all-zero key usable (tests).
inline constexpr std::uint64_t salt_a = 0x8bb84b93962eacc9ULL;
inline constexpr std::uint64_t salt_b = 0x4b33a62ed433d4a3ULL;

constexpr std::uint64_t high_half(uint128 value) noexcept {
  return static_cast<std::uint64_t>(value >> 64);
}
constexpr std::uint64_t low_half(uint128 value) noexcept {
  return static_cast<std::uint64_t>(value);
}

}  // namespace detail

/// Every bit of `x` counts in the low bits of the result, as far as `y` has bits evenly.
constexpr std::uint64_t multiply_fold(std::uint64_t x, std::uint64_t y) noexcept {
  const uint128 product = static_cast<uint128>(x) * y;
  return detail::high_half(product) ^ detail::low_half(product);
}

/// Hash of two words. Bit-identical on every machine.
constexpr std::uint64_t keyed(const Key& key, std::uint64_t x, std::uint64_t y) noexcept {
  const std::uint64_t a = key.a ^ detail::salt_a;
  const std::uint64_t b = key.b ^ detail::salt_b;
  const uint128 product = static_cast<uint128>(x ^ a) * (y ^ b);
  return multiply_fold(detail::low_half(product) ^ b, detail::high_half(product) ^ a);
}

/// Hash of any bytes (names, strings). The length counts: "a" and "a\0" differ.
inline std::uint64_t keyed(const Key& key, std::span<const std::byte> bytes) noexcept {
  const std::uint64_t length = bytes.size();
  std::uint64_t state = length;
  while (!bytes.empty()) {
    std::uint64_t words[2] = {};
    const std::size_t size = bytes.size() < sizeof words ? bytes.size() : sizeof words;
    std::memcpy(words, bytes.data(), size);
    if constexpr (std::endian::native == std::endian::big) {
      words[0] = byte_swap(words[0]);
      words[1] = byte_swap(words[1]);
    }
    state = keyed(key, words[0] ^ state, words[1] + std::rotl(state, 32));
    bytes = bytes.subspan(size);
  }
  return keyed(key, state, length);
}

inline std::uint64_t keyed(const Key& key, std::string_view text) noexcept {
  return keyed(key, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace limpet::hash
