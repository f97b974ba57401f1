// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): 64 bits that nobody without the key
// can tell from random, for what comes back from outside and must be believed: SYN cookies, tokens in cookies. Slower
// than keyed(), which serves tables. Pure functions, any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/big_endian.hpp"
#include "hash/keyed.hpp"

namespace limpet::hash {
namespace detail {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  constexpr explicit SipState(const Key& key) noexcept
      : v0(key.a ^ 0x736f6d6570736575ULL),
        v1(key.b ^ 0x646f72616e646f6dULL),
        v2(key.a ^ 0x6c7967656e657261ULL),
        v3(key.b ^ 0x7465646279746573ULL) {}

  constexpr void round() noexcept {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  constexpr void take(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  constexpr std::uint64_t finish() noexcept {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) {
      round();
    }
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace detail

/// SipHash-2-4 of whole words, which count as their eight little-endian bytes each.
constexpr std::uint64_t sip(const Key& key, std::span<const std::uint64_t> words) noexcept {
  detail::SipState state(key);
  for (const std::uint64_t word : words) {
    state.take(word);
  }
  state.take(static_cast<std::uint64_t>(words.size() * 8) << 56);
  return state.finish();
}

/// SipHash-2-4 of any bytes. The key's two words are its bytes 0 to 7 and 8 to 15, little-endian.
inline std::uint64_t sip(const Key& key, std::span<const std::byte> bytes) noexcept {
  detail::SipState state(key);
  const auto length = static_cast<std::uint64_t>(bytes.size());
  while (true) {
    std::uint64_t word = 0;
    const std::size_t size = bytes.size() < sizeof word ? bytes.size() : sizeof word;
    if (size > 0) {
      std::memcpy(&word, bytes.data(), size);
    }
    if constexpr (std::endian::native == std::endian::big) {
      word = byte_swap(word);
    }
    if (size < sizeof word) {
      state.take(word | length << 56);
      return state.finish();
    }
    state.take(word);
    bytes = bytes.subspan(size);
  }
}

}  // namespace limpet::hash
