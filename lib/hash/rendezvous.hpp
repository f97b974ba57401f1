// Weighted rendezvous hashing in integers: each backend draws a cost from (pool, backend name, key), the lowest
// wins, so that a backend that comes or goes moves only its own keys. Pure functions, bit-identical everywhere:
// all nodes with one secret choose alike.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

#include "hash/keyed.hpp"

namespace limpet::hash {

/// What a backend asks for a key; the lowest wins, ties go to the first name.
struct Score {
  std::uint64_t cost = std::numeric_limits<std::uint64_t>::max();
  /// Weight 0: never to be chosen.
  [[nodiscard]] constexpr bool never() const noexcept { return cost == std::numeric_limits<std::uint64_t>::max(); }
  friend constexpr auto operator<=>(Score, Score) noexcept = default;
};

/// Fraction bits of neglog2(): its results lie in 0 .. 64 * 2^57.
inline constexpr unsigned neglog2_fraction_bits = 57;

/// -log2(h / 2^64) in fixed point, right to 2^-48; never rises with h. h = 0 counts as 1.
[[nodiscard]] std::uint64_t neglog2(std::uint64_t h) noexcept;

/// Cost of a candidate with uniform hash `h`: exponentially distributed with rate `weight`.
[[nodiscard]] inline Score score(std::uint64_t h, std::uint32_t weight) noexcept {
  return weight == 0 ? Score{} : Score{neglog2(h) / weight};
}

/// The part of candidate_hash() that is equal for all backends of a pool.
[[nodiscard]] constexpr std::uint64_t session_hash(const Key& pool_seed, std::uint64_t key_high,
                                                   std::uint64_t key_low) noexcept {
  return keyed(pool_seed, key_high, key_low);
}

[[nodiscard]] constexpr std::uint64_t candidate_hash(const Key& pool_seed, std::uint64_t backend_name_hash,
                                                     std::uint64_t session) noexcept {
  return keyed(pool_seed, session, backend_name_hash);
}

/// The hash to score() one backend with for one key.
[[nodiscard]] constexpr std::uint64_t candidate_hash(const Key& pool_seed, std::uint64_t backend_name_hash,
                                                     std::uint64_t key_high, std::uint64_t key_low) noexcept {
  return candidate_hash(pool_seed, backend_name_hash, session_hash(pool_seed, key_high, key_low));
}

}  // namespace limpet::hash
