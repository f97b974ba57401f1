#include "hash/rendezvous.hpp"

#include <array>
#include <bit>

namespace limpet::hash {
namespace {

using detail::high_half;

constexpr std::uint64_t one = std::uint64_t{1} << neglog2_fraction_bits;
constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
constexpr unsigned index_bits = 7;

constexpr std::uint64_t multiply_high(std::uint64_t x, std::uint64_t y) noexcept {
  return high_half(static_cast<uint128>(x) * y);
}

/// log2 of mantissa / 2^63 in [1, 2), digit by digit: square, and a result of 2 or more is a one.
constexpr std::uint64_t log2_by_squaring(std::uint64_t mantissa) noexcept {
  std::uint64_t digits = 0;
  for (unsigned i = 0; i < neglog2_fraction_bits; ++i) {
    const uint128 square = static_cast<uint128>(mantissa) * mantissa;
    const bool digit = (high_half(square) & top_bit) != 0;
    mantissa = static_cast<std::uint64_t>(square >> (digit ? 64 : 63));
    digits = digits << 1 | (digit ? 1u : 0u);
  }
  return digits;
}

/// The mantissa's range in 128 steps: what each begins with.
struct Step {
  std::uint64_t log2;        // neglog2_fraction_bits
  std::uint64_t reciprocal;  // of the mantissa, 64 fraction bits, in (1/2, 1)
};

constexpr std::array<Step, 1u << index_bits> make_steps() {
  std::array<Step, 1u << index_bits> steps{};
  for (std::uint64_t i = 0; i < steps.size(); ++i) {
    const std::uint64_t mantissa = top_bit | i << (63 - index_bits);
    steps[i] = {log2_by_squaring(mantissa), detail::low_half(((static_cast<uint128>(1) << 127) - 1) / mantissa)};
  }
  return steps;
}

constexpr auto steps = make_steps();

/// 1 / n with 64 fraction bits.
constexpr std::uint64_t inverse(std::uint64_t n) noexcept {
  return ~std::uint64_t{0} / n;
}

/// log2(1 + t / 128) for t in [0, 1) with 64 fraction bits: the series of ln(1 + r), r = t / 128, to r^6.
constexpr std::uint64_t log2_above_one(std::uint64_t t) noexcept {
  std::uint64_t sum = inverse(6);
  for (const std::uint64_t n : {5u, 4u, 3u, 2u}) {
    sum = inverse(n) - (multiply_high(t, sum) >> index_bits);
  }
  const std::uint64_t ln = t - (multiply_high(t, multiply_high(t, sum) >> index_bits));  // times 128
  constexpr std::uint64_t log2_e_fraction = 0x71547652b82fe177ULL;                       // log2(e) - 1
  const std::uint64_t half = ln >> 1;
  return (half + multiply_high(half, log2_e_fraction)) >> (63 + index_bits - neglog2_fraction_bits);
}

}  // namespace

std::uint64_t neglog2(std::uint64_t h) noexcept {
  const std::uint64_t n = h | static_cast<std::uint64_t>(h == 0);
  const auto zeros = static_cast<unsigned>(std::countl_zero(n));
  const std::uint64_t mantissa = n << zeros;
  const Step& step = steps[(mantissa >> (63 - index_bits)) & (steps.size() - 1)];
  const std::uint64_t above = mantissa << (1 + index_bits);  // what the step leaves, as a fraction of it
  const std::uint64_t log2 = step.log2 + log2_above_one(multiply_high(above, step.reciprocal));
  const std::uint64_t whole = (zeros + 1) * one;
  return log2 < whole ? whole - log2 : 0;
}

}  // namespace limpet::hash
