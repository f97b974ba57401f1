// Which entry of a bucket has a key: all of the bucket compared at once, without a branch that depends on the place.
// x86-64-v2 is enough. The same answer as asking each entry holds(); a test compares the two.
#pragma once

#include <smmintrin.h>

#include <cstdint>

namespace limpet::flow::detail {

inline __m128i pair(std::uint64_t low, std::uint64_t high) noexcept {
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}
inline __m128i load(const std::uint64_t* words) noexcept {
  return _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(words)));
}

/// Bit 4 i is set where both words of the i-th argument, all ones or zeros each, are ones.
inline unsigned both_words(__m128i zero, __m128i one, __m128i two, __m128i three) noexcept {
  const __m128i halves = _mm_packs_epi32(_mm_packs_epi32(zero, one), _mm_packs_epi32(two, three));
  const auto bits = static_cast<unsigned>(_mm_movemask_epi8(halves));  // two a word
  return bits & (bits >> 2) & 0x1111u;
}

}  // namespace limpet::flow::detail
